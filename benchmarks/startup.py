"""What a start costs: `python -m benchmarks.startup [--runs 10]`.

Medians of interleaved runs: the import of the factory, the import of the whole application, the import
of the libraries that it stands on (for the ratio: no application that uses them is below), and the time from the
start of `python -m server serve` to its first 200 at /readyz, on a database that is there already.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.unship import ROOT, Unship, execute

_LIBRARIES = "sqlmodel, sqlalchemy.ext.asyncio, strawberry, starlette.applications, pydantic_settings, yaml"
_IMPORTS = {
    "import server.app": "server.app",
    "import server.application": "server.application",
    "import of the libraries alone": _LIBRARIES,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="how often each figure is taken")
    runs: int = parser.parse_args().runs
    seconds: dict[str, list[float]] = {what: [] for what in _IMPORTS}
    ready: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        unship = Unship(Path(scratch), launch=execute)
        _start(unship)
        for _ in range(runs):
            for what, modules in _IMPORTS.items():
                seconds[what].append(_import(modules))
            ready.append(_start(unship))
    _report(seconds, ready)
    return 0


def _import(modules: str) -> float:
    """Seconds that the import takes in a process of its own, whose start is not counted."""
    code = f"import time; began = time.perf_counter(); import {modules}; print(time.perf_counter() - began)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    return float(done.stdout)


def _start(unship: Unship) -> float:
    began = time.perf_counter()
    unship.start()
    seconds = time.perf_counter() - began
    unship.stop()
    return seconds


def _peak(module: str) -> float:
    """The memory of a process that imports the module, in MB."""
    code = f"import resource, {module}; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    return int(done.stdout) / 1024


def _report(seconds: dict[str, list[float]], ready: list[float]) -> None:
    load = os.getloadavg()[0]
    print(f"medians of {len(ready)} runs, {os.cpu_count()} cores, load average {load:.1f}\n")
    for what, values in {**seconds, "serve: from its start to ready": ready}.items():
        print(f"{what:<34} {statistics.median(values):6.2f} s   {min(values):.2f} to {max(values):.2f}")
    whole, libraries = (list(seconds.values())[number] for number in (1, 2))
    print(f"{'application / libraries':<34} {statistics.median(whole) / statistics.median(libraries):6.2f}")
    for module in ("server.app", "server.application"):
        print(f"{'memory of import ' + module:<34} {_peak(module):6.0f} MB")


if __name__ == "__main__":
    raise SystemExit(main())
