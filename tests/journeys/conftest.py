"""One world and one server for all journeys of a module; each test takes a pipeline and namespaces of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.kubernetes import KubernetesWorld
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
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:40].strip("-")
    shop = Shop(f"s-{name}".replace("-", "_"), world)
    assert unship.apply(shop.yaml()) == []
    return shop
