"""What it costs that a step is durable: `python -m benchmarks.steps [--runs 5]`.

The time of an execution of many scripts that do nothing, less that of a few; beside it the same scripts run one
after another by nothing at all. What is committed for a step: transactions that write on PostgreSQL, and on SQLite
how often its files were flushed, which needs `strace`.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from benchmarks.custom import DATABASES, UNDER_WAY, pipeline, processor_seconds, script, serving_on, until_counted
from tests.support.unship import Unship

_FEW, _MANY = 5, 55


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="how often each figure is taken")
    runs: int = parser.parse_args().runs
    bare = statistics.median(asyncio.run(_bare()) for _ in range(runs))
    print(f"medians of {runs} runs, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}\n")
    print(f"{'a script that does nothing, by itself':40} {1000 * bare:6.1f} ms")
    for database in DATABASES:
        _measure(database, runs, bare)
    return 0


async def _bare() -> float:
    """Seconds that one script takes."""
    began = time.perf_counter()
    for _ in range(_MANY):
        process = await asyncio.create_subprocess_exec("sh", "-c", ":")
        await process.wait()
    return (time.perf_counter() - began) / _MANY


def _measure(database: str, runs: int, bare: float) -> None:
    with serving_on(database) as (unship, url):
        server = _Server(unship, url)
        for name, number in (("few", _FEW), ("many", _MANY)):
            assert unship.apply(pipeline(name, *[script(":")] * number)) == []
            unship.deploy(name)
        seconds = statistics.median(_per_step(server.taken) for _ in range(runs))
        busy = statistics.median(_per_step(server.worked) for _ in range(runs))
        written = _per_step(server.committed if database == "PostgreSQL" else server.flushed)
    what = "transactions that write" if database == "PostgreSQL" else "flushes of its files"
    print(
        f"{f'the same as a step, {database}':40} {1000 * seconds:6.1f} ms, {seconds / bare:.1f} times that;"
        f" the server's processor {1000 * busy:.1f} ms; {written:.1f} {what}",
        flush=True,
    )


def _per_step(measure: Callable[[str], float]) -> float:
    """What a step takes of what `measure` finds for an execution."""
    few, many = measure("few"), measure("many")
    return (many - few) / (_MANY - _FEW)


@dataclass(frozen=True)
class _Server:
    """What an execution of a pipeline costs here; nobody follows it, which would cost as much again."""

    unship: Unship
    url: str

    def _run(self, name: str) -> str:
        execution = self.unship.run(name)
        until_counted(self.url, UNDER_WAY, 0)
        return execution

    def taken(self, name: str) -> float:
        """Seconds from its first event to its last."""
        query = "query ($id: ID!) { execution(id: $id) { startedAt finishedAt } }"
        found = self.unship.data(query, id=self._run(name))["execution"]
        began, ended = (datetime.fromisoformat(found[moment]) for moment in ("startedAt", "finishedAt"))
        return (ended - began).total_seconds()

    def worked(self, name: str) -> float:
        """Seconds of the server's processor."""
        before = processor_seconds(self.pid)
        self._run(name)
        return processor_seconds(self.pid) - before

    def committed(self, name: str) -> float:
        """Transactions that write, on PostgreSQL."""
        before = self._next_transaction()
        self._run(name)
        return self._next_transaction() - before

    def flushed(self, name: str) -> float:
        """How often the files were flushed; not a number where strace is not to be had."""
        strace = shutil.which("strace")
        if strace is None:
            return math.nan
        with tempfile.TemporaryDirectory() as scratch:
            found = Path(scratch) / "calls"
            command = [strace, "-f", "-e", "trace=fsync,fdatasync", "-o", str(found), "-p", str(self.pid)]
            with subprocess.Popen(command, stderr=subprocess.PIPE) as tracing:
                assert tracing.stderr is not None
                tracing.stderr.readline()  # it is attached
                self._run(name)
                tracing.send_signal(signal.SIGINT)
            return len(re.findall(r" f(?:data)?sync\(", found.read_text()))

    @property
    def pid(self) -> int:
        assert self.unship.process is not None
        return self.unship.process.pid

    def _next_transaction(self) -> int:
        with psycopg.connect(self.url) as connection:
            row = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
        assert row is not None
        return int(row[0])


if __name__ == "__main__":
    raise SystemExit(main())
