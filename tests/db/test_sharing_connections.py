"""Those who follow, and those who ask, share a few connections: an execution never waits for one behind them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from db.database import Database


def test_however_many_follow_others_find_a_connection(tmp_path: Path) -> None:
    asyncio.run(_crowded(f"sqlite:///{tmp_path / 'unship.db'}", "follow"))


@pytest.mark.parametrize("way", ["follow", "admit"])
def test_however_many_ask_or_follow_others_find_a_connection(postgres_url: str, way: str) -> None:
    asyncio.run(_crowded(postgres_url, way))


async def _crowded(url: str, way: str) -> None:
    database, enough, done = Database(url), asyncio.Event(), 0

    async def take() -> None:
        nonlocal done
        async with getattr(database, way)() as connection:
            await connection.execute(sa.text("SELECT 1"))
            await enough.wait()
        done += 1

    async with asyncio.TaskGroup() as crowd:
        for _ in range(100):
            crowd.create_task(take())
        # All of them have asked for theirs when this asks; the pool has 30.
        await asyncio.sleep(0)
        async with database.write() as session:
            assert await session.scalar(sa.text("SELECT 1")) == 1
        enough.set()
    assert done == 100
    await database.close()
