"""Fixtures for every folder of tests."""

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from sandbox.__main__ import write_connectors
from sandbox.kubernetes import KubernetesWorld
from tests.support.databases import database_url
from tests.support.postgres import postgres, postgres_url
from tests.support.unship import Unship, serving

# Python looks for garbage every 700 new objects; that is a fifth of the time of whoever loads so much.
gc.set_threshold(50_000, 20, 20)

__all__ = ["connectors", "database_url", "postgres", "postgres_url", "unship", "world"]


def pytest_xdist_auto_num_workers() -> int:
    """Half of what the tests do is waiting for other processes, so each core has room for two workers."""
    return min(2 * (os.cpu_count() or 1), 8)


@pytest.fixture(scope="module")
def world() -> Generator[KubernetesWorld]:
    """A cluster with the namespaces staging and prod, on a socket of its own."""
    with KubernetesWorld.start() as running:
        yield running


@pytest.fixture(scope="module")
def connectors(world: KubernetesWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A connectors file with the connector `cluster` for `world`."""
    directory = tmp_path_factory.mktemp("connectors")
    write_connectors([world], directory)
    return directory / "connectors.yaml"


@pytest.fixture(scope="module")
def unship(connectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Unship]:
    """A real server process for `world`, on an embedded database of its own."""
    with serving(tmp_path_factory.mktemp("unship"), connectors=str(connectors)) as running:
        yield running
