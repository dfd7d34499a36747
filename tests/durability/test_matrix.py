"""The crash matrix in small: a rollback on each platform, killed again and again, over all at each point.

`python -m tests.durability.matrix` runs all of it.
"""

from __future__ import annotations

import pytest

from tests.durability.points import Point
from tests.durability.rigs import Cell, rig
from tests.support.postgres import PostgresServer

SEED = 1
# By platform: database, shape, and where the rollback is killed, one kill after the other.
RUNS: dict[str, tuple[str, str, tuple[Point, ...]]] = {
    "kubernetes": (
        "postgres",
        "parallel",
        (Point.AFTER_INTENT, Point.AFTER_SEND, Point.BEFORE_OBSERVE, Point.BEFORE_COMMIT),
    ),
    "helm": ("sqlite", "parallel", (Point.BEFORE_RESPONSE, Point.BEFORE_OBSERVE, Point.AFTER_COMMIT)),
    "ecs": (
        "postgres",
        "one",
        (Point.BEFORE_INTENT, Point.BEFORE_SEND, Point.AFTER_RESPONSE, Point.BEFORE_PUBLISH),
    ),
    "asg": ("sqlite", "one", (Point.AFTER_PUBLISH, Point.BEFORE_RESPONSE, Point.BEFORE_COMMIT)),
    "tas": ("sqlite", "parallel", (Point.AFTER_OBSERVE, Point.BEFORE_PUBLISH, Point.AFTER_COMMIT)),
}


@pytest.mark.parametrize("platform", RUNS)
def test_a_rollback_that_is_killed_again_and_again_ends_right(platform: str, postgres: PostgresServer) -> None:
    database, shape, (point, *more) = RUNS[platform]
    with rig(postgres, platform, database, shape) as running:
        verdict = running.run(Cell(platform, database, shape, point, again=True), SEED, *more)
    assert verdict.failure == "", f"{verdict.cell} {verdict.drawn}: {verdict.failure}"
    assert verdict.fired == 1 + len(more)
    assert verdict.applied == verdict.expected


def test_every_point_is_among_them() -> None:
    assert {point for _, _, points in RUNS.values() for point in points} == set(Point)
