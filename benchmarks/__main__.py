"""Every benchmark, one after another: `python -m benchmarks`, or `make benchmarks`."""

import subprocess
import sys

MODULES = (
    "benchmarks.startup",
    "benchmarks.latency",
    "benchmarks.lists",
    "benchmarks.plans",
    "benchmarks.guard",
    "benchmarks.hammering",
    "benchmarks.takeover",
    "benchmarks.streams",
    "benchmarks.steps",
    "benchmarks.starts",
    "benchmarks.waiting",
)


def main() -> int:
    statuses: list[int] = []
    for module in MODULES:
        print(f"\n{module}", flush=True)
        statuses.append(subprocess.run([sys.executable, "-m", module], check=False).returncode)
    return max(statuses)


if __name__ == "__main__":
    raise SystemExit(main())
