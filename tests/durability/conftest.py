"""A world with traps and effects that are counted, and one installation in it, for each module."""

from __future__ import annotations

import re
from collections.abc import Generator

import pytest

from tests.durability.ordeals import Theatre, theatre
from tests.durability.traps import TrappedCluster, trapped_world
from tests.support.shop import Shop

__all__ = ["shop", "stage", "world"]


@pytest.fixture(scope="module")
def world() -> Generator[TrappedCluster]:
    with trapped_world() as running:
        yield running


@pytest.fixture(scope="module")
def stage(world: TrappedCluster, tmp_path_factory: pytest.TempPathFactory) -> Generator[Theatre]:
    with theatre(world, tmp_path_factory.mktemp("durability")) as running:
        yield running


@pytest.fixture
def shop(stage: Theatre, request: pytest.FixtureRequest) -> Shop:
    """A shop of the test's own, deployed in its old version."""
    name = re.sub(r"[^a-z0-9]+", "_", request.node.name.lower()).strip("_")[:40].strip("_")
    return stage.shop(f"s_{name}")
