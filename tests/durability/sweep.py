"""Kills at every request, before and after its effect, and at every event of both journeys: the complete matrix.

`python -m tests.durability.sweep` takes about an hour; the suite runs a few of these points.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.durability.ordeals import AtEvent, AtReply, AtRequest, Kill, Theatre, theatre
from tests.durability.rehearsal import killed_deployment, killed_rollback
from tests.durability.traps import Moment, trapped_world
from tests.support.shop import NEW

_EVENTS = 24
_REQUESTS = 60


def points() -> Iterator[Kill]:
    yield AtReply()
    yield from (AtEvent(sequence) for sequence in range(1, _EVENTS + 1))
    yield from (AtRequest(number, moment) for number in range(1, _REQUESTS + 1) for moment in Moment)


def main() -> int:
    failures: list[str] = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        trapped_world() as world,
        theatre(world, Path(scratch)) as stage,
    ):
        for number, kill in zip(itertools.count(1), points()):
            failures += _one(stage, number, kill)
    print(f"{len(failures)} failed")
    return 1 if failures else 0


def _one(stage: Theatre, number: int, kill: Kill) -> list[str]:
    """One point of the matrix in both journeys; the failures in words. A point that a journey lacks is said so."""
    try:
        killed_deployment(stage, stage.shop(f"forward_{number}"), [kill])
        shop = stage.shop(f"back_{number}")
        killed_rollback(stage, shop, stage.unship.deploy(shop.name, tag=NEW), [kill])
    except AssertionError as error:
        verdict = "not reached" if str(error).startswith("never came") else f"FAILED: {error}"
        print(f"{kill}: {verdict}", flush=True)
        return [] if verdict == "not reached" else [str(kill)]
    print(f"{kill}: ok", flush=True)
    return []


if __name__ == "__main__":
    sys.exit(main())
