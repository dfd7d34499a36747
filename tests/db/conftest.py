"""Databases of both kinds for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.postgres import postgres, postgres_url

__all__ = ["database_url", "postgres", "postgres_url"]


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh, empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/unship.db"
    url: str = request.getfixturevalue("postgres_url")
    return url
