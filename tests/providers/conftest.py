"""One fresh world for each test: what a test did can't be seen by another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.providers.kubernetes.platform import KubernetesPlatform
from tests.providers.platform import Platform
from tests.providers.platforms import PLATFORMS


@pytest.fixture(params=sorted(PLATFORMS))
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    """Each platform with each of its strategies in turn."""
    made = PLATFORMS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[KubernetesPlatform]:
    """Kubernetes."""
    with KubernetesPlatform(tmp_path) as made:
        yield made
