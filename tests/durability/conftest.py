"""A world with traps and effects that are counted, and one installation or one fleet in it, for each module."""

from __future__ import annotations

import os
import re
from collections.abc import Generator

import pytest

from tests.durability.fleets import Fleet, fleet
from tests.durability.ordeals import Theatre, theatre
from tests.durability.traps import TrappedCluster, trapped_world
from tests.support.postgres import PostgresServer
from tests.support.shop import Shop

__all__ = ["each_round", "servers", "shop", "shop_name", "stage", "world"]


@pytest.fixture(scope="module")
def world() -> Generator[TrappedCluster]:
    with trapped_world() as running:
        yield running


@pytest.fixture(scope="module")
def stage(world: TrappedCluster, tmp_path_factory: pytest.TempPathFactory) -> Generator[Theatre]:
    with theatre(world, tmp_path_factory.mktemp("durability")) as running:
        yield running


@pytest.fixture(scope="module")
def servers(
    world: TrappedCluster, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Fleet]:
    """Two servers on one PostgreSQL."""
    with (
        postgres.fresh_database() as url,
        fleet(world, url, tmp_path_factory.mktemp("fleet")) as running,
    ):
        yield running


@pytest.fixture(params=range(int(os.environ.get("UNSHIP_ROUNDS", "1"))))
def each_round() -> None:
    """Repeats the test as often as the environment says."""


@pytest.fixture
def shop_name(request: pytest.FixtureRequest) -> str:
    """The test's own, its parameters included."""
    words = re.sub(r"[^a-z0-9]+", "_", request.node.name.lower())
    return f"s_{words[-40:].strip('_')}"


@pytest.fixture
def shop(stage: Theatre, shop_name: str) -> Shop:
    """A shop of the test's own, deployed in its old version."""
    return stage.shop(shop_name)
