"""Followers share a few of the pool's connections, so that an execution never waits for one behind them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import sqlalchemy as sa

from db.database import Database


def test_however_many_follow_others_find_a_connection(tmp_path: Path) -> None:
    asyncio.run(_crowded(Database(f"sqlite:///{tmp_path / 'unship.db'}")))


async def _crowded(database: Database) -> None:
    enough, done = asyncio.Event(), 0

    async def follow() -> None:
        nonlocal done
        async with database.follow() as connection:
            await connection.execute(sa.text("SELECT 1"))
            await enough.wait()
        done += 1

    async with asyncio.TaskGroup() as followers:
        for _ in range(100):
            followers.create_task(follow())
        # All of them have asked for theirs when this asks; the pool has 30.
        await asyncio.sleep(0)
        async with database.read() as connection:
            assert await connection.scalar(sa.text("SELECT 1")) == 1
        enough.set()
    assert done == 100
    await database.close()
