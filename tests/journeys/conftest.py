"""One world and one server for all journeys of a module; each test takes a pipeline and namespaces of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.kubernetes import KubernetesWorld
from tests.journeys.yard import Gate, Yard
from tests.support.shop import Shop
from tests.support.unship import Unship, serving

CONNECTORS = """
connectors:
  - {identifier: cluster, type: Kubernetes, spec: {kubeconfig: ./kubeconfig, context: demo}}
"""


@pytest.fixture(scope="module")
def world() -> Iterator[KubernetesWorld]:
    with KubernetesWorld.start(port=0, tick=0.02) as world:
        yield world


@pytest.fixture(scope="module")
def connectors(world: KubernetesWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("connectors")
    world.write_kubeconfig(directory / "kubeconfig")
    (directory / "connectors.yaml").write_text(CONNECTORS)
    return directory / "connectors.yaml"


@pytest.fixture(scope="module")
def unship(connectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unship]:
    with serving(tmp_path_factory.mktemp("unship"), connectors=str(connectors)) as unship:
        yield unship


@pytest.fixture
def shop(unship: Unship, world: KubernetesWorld, request: pytest.FixtureRequest) -> Shop:
    """The example's web shop under a name of its own, applied."""
    shop = Shop(f"s_{own_name(request)}", world)
    assert unship.apply(shop.yaml()) == []
    return shop


@pytest.fixture(scope="module")
def yards(unship: Unship, world: KubernetesWorld) -> Callable[..., Yard]:
    """Makes yards by name, for set-ups that several tests of a module look at."""

    def make(name: str, **more: Any) -> Yard:
        return Yard(name, unship, world, **more)

    return make


@pytest.fixture
def yard(yards: Callable[..., Yard], request: pytest.FixtureRequest) -> Yard:
    """A yard of the test's own; nothing is applied yet."""
    return yards(f"y_{own_name(request)}")


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A gate that is closed."""
    return Gate(tmp_path / "gate")


def own_name(request: pytest.FixtureRequest) -> str:
    """A name made of the test's, short enough for a namespace."""
    return re.sub(r"[^a-z0-9]+", "_", request.node.name.lower()).strip("_")[:40].strip("_")
