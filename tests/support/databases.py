"""A fresh database of each kind that Unship runs on, empty or migrated."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest

from db.migrate import upgrade

_SQLITE = "sqlite:///"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh, empty database; a test that asks for it runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/unship.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@cache
def _template() -> Path:
    """The embedded database as the migrations leave it, made once: they take longer than most tests."""
    kept = tempfile.TemporaryDirectory()
    atexit.register(kept.cleanup)
    path = Path(kept.name) / "unship.db"
    asyncio.run(upgrade(f"{_SQLITE}{path}"))
    return path


async def migrated(url: str) -> None:
    """What `db.migrate.upgrade` does; for an embedded database that is not there yet, at once."""
    if not await asyncio.to_thread(_copied, url):
        await upgrade(url)


def _copied(url: str) -> bool:
    path = Path(url.removeprefix(_SQLITE))
    if not url.startswith(_SQLITE) or path.exists():
        return False
    shutil.copy(_template(), path)
    return True
