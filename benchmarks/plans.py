"""The plan of undoing an execution with 10,000 stages, asked of a real server: `python -m benchmarks.plans`.

Each stage is in an environment of its own; no platform is asked, since none is connected. Ends with 1 where a plan
takes longer, or the server comes to more memory, than the bars allow.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.seed import fill
from benchmarks.sizes import Size, execution_id
from schema.ids import global_id
from tests.support.unship import Unship, execute, serving

_BAR_SECONDS = 5.0
_BAR_MIB = 512.0
_QUERIES = {
    "eligibility": "rollbackEligibility(target: $target) { verdict reasons { code } }",
    "plan": "rollbackPlan(target: $target) { hash eligibility { verdict } stages { position stage { name } } }",
}


@dataclass(frozen=True)
class Measured:
    """Seconds of the slowest request, and of the processor for each; the peak of memory in MiB; stages."""

    seconds: float
    processor: float
    mebibytes: float
    stages: int


def _peak(unship: Unship) -> float:
    assert unship.process is not None
    status = Path(f"/proc/{unship.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def _processor(unship: Unship) -> float:
    assert unship.process is not None
    fields = Path(f"/proc/{unship.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _measure(unship: Unship, query: str, rounds: int) -> Measured:
    target = {"executionId": global_id("Execution", execution_id(1))}
    slowest, stages, before = 0.0, 0, _processor(unship)
    for _ in range(rounds):
        began = time.perf_counter()
        data = unship.data(f"query ($target: RollbackTargetInput!) {{ found: {query} }}", target=target)
        slowest = max(slowest, time.perf_counter() - began)
        stages = len(data["found"].get("stages", ()))
    return Measured(slowest, (_processor(unship) - before) / rounds, _peak(unship), stages)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    size = Size(1, chosen.stages, executions_per_service=2, stages=chosen.stages, instances_per_target=1)
    missed = False
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        url = f"sqlite:///{directory / 'plans.db'}"
        asyncio.run(fill(url, size))
        print(f"{chosen.stages} stages, load average {os.getloadavg()[0]:.1f}")
        print(f"bars: {_BAR_SECONDS:g} s, {_BAR_MIB:g} MiB\n")
        settings = {"database_url": url, "execution_seconds": "60"}
        with serving(directory, execute, **settings) as unship:
            print(f"{'started':12} {_peak(unship):38.0f} MiB")
            for name, query in _QUERIES.items():
                found = _measure(unship, query, chosen.rounds)
                missed |= found.seconds > _BAR_SECONDS or found.mebibytes > _BAR_MIB
                times = f"{found.seconds:6.2f} s, processor {found.processor:5.2f} s"
                print(f"{name:12} {times} {found.mebibytes:9.0f} MiB {found.stages:7} stages", flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
