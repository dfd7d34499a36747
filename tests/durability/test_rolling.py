"""A small part of `python -m tests.durability.rolling`: three servers restart in turn, under load."""

from __future__ import annotations

from pathlib import Path

from tests.durability.fleets import fleet
from tests.durability.rolling import Size, play
from tests.durability.traps import TrappedCluster
from tests.support.postgres import PostgresServer


def test_nothing_is_lost_over_rolling_restarts(
    world: TrappedCluster, postgres: PostgresServer, tmp_path: Path
) -> None:
    size = Size(restarts=3, sockets=12, shops=2, seed=7, patience=1.0)
    with postgres.fresh_database() as url, fleet(world, url, tmp_path, "abc") as servers:
        played = play(servers, size)
    assert played.wrong == []
    assert len(played.traffic.accepted) >= 2 * size.shops
    assert sum(reading.cuts for reading in played.readings) > 0
    assert sum(reading.breaks for reading in played.readings) > 0
