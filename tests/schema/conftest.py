"""One small made-up history for all tests of this folder that only read."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.seed import fill
from tests.schema.api import SMALL


@pytest.fixture(scope="session")
def history_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a filled database; a test that writes must not use it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('history')}/unship.db"
    asyncio.run(fill(url, SMALL))
    return url
