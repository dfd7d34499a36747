"""The crash matrix: SIGKILL at every named point on every platform and database, once, and again while recovering.

`python -m tests.durability.matrix` runs all of it, or what its options choose, and prints each run and a summary
in Markdown. Each run deploys, rolls back with the kills, and compares what the platform itself saw with an
undisturbed rollback of the same installation. A run whose kills did not all come at their points has failed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby, product

from tests.durability.points import Point
from tests.durability.rigs import DATABASES, Cell, Verdict, rig
from tests.durability.scenes import PLACES, SCENES
from tests.durability.summary import summary
from tests.support.postgres import PostgresServer, postgres_server


def main() -> int:
    options = _options()
    seed: int = options.seed
    print(f"seed {seed}", flush=True)
    with postgres_server() as postgres, _workers(options.jobs) as workers:
        runs = [workers.submit(_run, postgres, cells, seed) for cells in _cells(options)]
        verdicts = [verdict for run in runs for verdict in run.result()]
    failed = [verdict for verdict in verdicts if verdict.failure]
    print(f"\n{summary(verdicts)}\n\nseed {seed}, {len(verdicts)} runs, {len(failed)} failed")
    for verdict in failed:
        print(f"  replay: {_replay(verdict.cell, seed)}")
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.durability.matrix", description=__doc__)
    parser.add_argument("--platform", action="append", choices=list(SCENES))
    parser.add_argument("--database", action="append", choices=DATABASES)
    parser.add_argument("--shape", action="append", choices=list(PLACES), help="one stage, or parallel ones")
    parser.add_argument("--point", action="append", choices=[str(point) for point in Point])
    parser.add_argument("--kills", action="append", type=int, choices=(1, 2), help="2: again during the recovery")
    parser.add_argument("--jobs", type=int, default=1, help="how many installations are at it at the same time")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="decides all that is drawn")
    return parser.parse_args()


def _cells(options: argparse.Namespace) -> Iterator[list[Cell]]:
    """The chosen cells, together where they share a rig."""
    cells = product(
        options.platform or SCENES,
        options.database or DATABASES,
        options.shape or PLACES,
        map(Point, options.point or Point),
        [kills == 2 for kills in options.kills or (1, 2)],
    )
    for _, found in groupby(
        (Cell(*cell) for cell in cells), lambda cell: (cell.platform, cell.database, cell.shape)
    ):
        yield list(found)


def _workers(jobs: int) -> ProcessPoolExecutor:
    """Processes of their own, each with servers and worlds of its own."""
    return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))


def _run(postgres: PostgresServer, cells: Sequence[Cell], seed: int) -> list[Verdict]:
    """Run cells of one rig, and of a fresh one after each that failed."""
    verdicts: list[Verdict] = []
    while len(verdicts) < len(cells):
        first = cells[len(verdicts)]
        with rig(postgres, first.platform, first.database, first.shape) as running:
            for cell in cells[len(verdicts) :]:
                verdict = running.run(cell, seed)
                _tell(verdict, seed)
                verdicts.append(verdict)
                if verdict.failure:
                    break
    return verdicts


def _tell(verdict: Verdict, seed: int) -> None:
    drawn = " then ".join(map(str, verdict.drawn))
    effects = f"{verdict.applied.total()}/{verdict.expected.total()} effects, {verdict.absorbed} absorbed"
    outcome = "FAILED" if verdict.failure else "ok"
    drawn += " with its children" if verdict.with_children else ""
    print(f"{verdict.cell}: {drawn}: {effects}: {outcome} ({verdict.seconds:.1f} s)", flush=True)
    if verdict.failure:
        print(f"lost {dict(verdict.lost)}, duplicated {dict(verdict.duplicated)}\n{verdict.failure}")
        print(f"replay: {_replay(verdict.cell, seed)}", flush=True)


def _replay(cell: Cell, seed: int) -> str:
    return (
        f"python -m tests.durability.matrix --seed {seed} --platform {cell.platform} --database {cell.database} "
        f"--shape {cell.shape} --point {cell.point} --kills {2 if cell.again else 1}"
    )


if __name__ == "__main__":
    sys.exit(main())
