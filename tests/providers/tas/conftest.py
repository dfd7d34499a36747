"""One fresh foundation for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.providers.tas.platform import TasBlueGreenPlatform, TasCanaryPlatform, TasPlatform


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[TasPlatform]:
    with TasPlatform(tmp_path) as made:
        yield made


@pytest.fixture
def colours(tmp_path: Path) -> Iterator[TasBlueGreenPlatform]:
    with TasBlueGreenPlatform(tmp_path) as made:
        yield made


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[TasCanaryPlatform]:
    with TasCanaryPlatform(tmp_path) as made:
        yield made
