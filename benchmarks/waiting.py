"""What executions that wait cost the server: `python -m benchmarks.waiting [--executions 1000] [--seconds 20]`.

They are all in a Wait step of an hour, on each database: memory and processor time before them and with them. Ends
with 1 where the bars are missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import sqlalchemy as sa
from sqlmodel import col

from benchmarks.custom import (
    DATABASES,
    accepted,
    pipeline,
    processor_seconds,
    resident,
    serving_on,
    until_counted,
    wait,
)
from db.statuses import StepStatus
from db.tables import Step

_BAR_MIB, _BAR_PERCENT = 100, 10
_CONNECTIONS = 16
_WAITING = sa.select(sa.func.count()).where(col(Step.status) == StepStatus.RUNNING)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=1000, help="how many wait")
    parser.add_argument("--seconds", type=float, default=20, help="how long the processor's time is measured")
    options = parser.parse_args()
    print(f"{options.executions} executions that wait, load average {os.getloadavg()[0]:.1f}")
    print(f"bars: under {_BAR_MIB} MiB and {_BAR_PERCENT} % of a core more than without them\n")
    fine = [_measured(database, options.executions, options.seconds) for database in DATABASES]
    return 0 if all(fine) else 1


def _measured(database: str, executions: int, seconds: float) -> bool:
    with serving_on(database) as (unship, url):
        assert unship.process is not None
        pid = unship.process.pid
        assert unship.apply(pipeline("waiting", wait("1h"))) == []
        # What the first execution loads is no cost of waiting.
        unship.run("waiting")
        until_counted(url, _WAITING, 1)
        memory, idle = resident(pid), _share(pid, seconds)
        took = accepted(unship, "waiting", executions, _CONNECTIONS)
        until_counted(url, _WAITING, executions + 1)
        more, busy = resident(pid) - memory, _share(pid, seconds)
    print(
        f"{database:10} accepted in {took:.1f} s; {more:.1f} MiB more; {busy:.1f} % of a core,"
        f" {idle:.1f} % without",
        flush=True,
    )
    return more < _BAR_MIB and busy - idle < _BAR_PERCENT


def _share(pid: int, seconds: float) -> float:
    """Per cent of a core that the process uses."""
    before = processor_seconds(pid)
    time.sleep(seconds)
    return 100 * (processor_seconds(pid) - before) / seconds


if __name__ == "__main__":
    sys.exit(main())
