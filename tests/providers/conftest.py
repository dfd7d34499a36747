"""One fresh world for each test: what a test did can't be seen by another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.providers.helm.platform import HelmPlatform
from tests.providers.kubernetes.platform import KubernetesPlatform
from tests.providers.platform import Platform
from tests.providers.platforms import PLATFORMS
from tests.vendor_clients import HELM_3, HELM_4

pytest.register_assert_rewrite(
    "tests.providers.contract", "tests.providers.contract_faults", "tests.providers.contract_lag"
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The contract runs over the platform whose folder it stands in, with each of its strategies in turn."""
    folder = metafunc.definition.path.parent.name
    found = sorted(name for name in PLATFORMS if name.startswith(f"{folder}-"))
    if "platform" in metafunc.fixturenames:
        metafunc.parametrize("platform", found, indirect=True)
    if "platform_name" in metafunc.fixturenames:
        metafunc.parametrize("platform_name", found)


@pytest.fixture
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    """A platform with one of its strategies."""
    made = PLATFORMS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[KubernetesPlatform]:
    """Kubernetes."""
    with KubernetesPlatform(tmp_path) as made:
        yield made


@pytest.fixture(params=[HELM_3, HELM_4], ids=lambda client: client.name)
def helm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HelmPlatform]:
    """Native Helm, with each major of helm."""
    with HelmPlatform(tmp_path, request.param) as made:
        yield made
