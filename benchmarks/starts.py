"""How many executions a server accepts per second: `python -m benchmarks.starts [--executions 300] [--runs 3]`.

Each is a deployment of one script, so they also run and end meanwhile. Beside it, for the ratio, how often the
same clients get an answer to the smallest query. Medians, on each database.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

from benchmarks.custom import (
    DATABASES,
    UNDER_WAY,
    accepted,
    answered,
    pipeline,
    processor_seconds,
    script,
    serving_on,
    until_counted,
)

_CONNECTIONS = 16


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=300, help="how many are started in a run")
    parser.add_argument("--runs", type=int, default=3, help="how often each figure is taken")
    options = parser.parse_args()
    print(
        f"{options.executions} executions over {_CONNECTIONS} connections, load average {os.getloadavg()[0]:.1f}\n"
    )
    for database in DATABASES:
        _measure(database, options.executions, options.runs)
    return 0


def _measure(database: str, executions: int, runs: int) -> None:
    starts: list[float] = []
    ends: list[float] = []
    queries: list[float] = []
    busy: list[float] = []
    with serving_on(database) as (unship, url):
        assert unship.process is not None
        pid = unship.process.pid
        assert unship.apply(pipeline("script", script(":"))) == []
        for _ in range(runs):
            queries.append(executions / answered(unship, executions, _CONNECTIONS))
            began, before = time.perf_counter(), processor_seconds(pid)
            starts.append(executions / accepted(unship, "script", executions, _CONNECTIONS))
            until_counted(url, UNDER_WAY, 0)
            ends.append(executions / (time.perf_counter() - began))
            busy.append((processor_seconds(pid) - before) / executions)
    accept, end, query, work = map(statistics.median, (starts, ends, queries, busy))
    print(
        f"{database:10} {accept:6.0f} accepted per second, {end:6.0f} carried out per second, {1000 * work:.1f} ms"
        f" of the processor for each; {query / accept:.1f} of the smallest queries in the time of one",
        flush=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
