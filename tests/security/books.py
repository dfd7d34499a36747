"""The audit log of a database as it is, read and tampered with behind the application's back."""

from __future__ import annotations

import asyncio
from typing import Any

import sqlalchemy as sa

from db.database import Database
from db.security.audit import Entry, entries


def read_log(url: str) -> list[Entry]:
    """Every entry, the oldest first; all must be readable."""

    async def read() -> list[Entry]:
        database = Database(url)
        try:
            async with database.read() as connection:
                found = [entry async for entry in entries(connection)]
        finally:
            await database.close()
        readable = [entry for entry in found if isinstance(entry, Entry)]
        assert len(readable) == len(found)
        return readable

    return asyncio.run(read())


def tamper(url: str, *statements: str, **values: Any) -> None:
    """Run SQL on the database, as who holds it could; each statement must change something."""

    async def run() -> None:
        database = Database(url)
        try:
            async with database.write() as session:
                for statement in statements:
                    changed = await session.execute(sa.text(statement).bindparams(**values))
                    assert getattr(changed, "rowcount") != 0, statement  # noqa: B009 - not on every result
        finally:
            await database.close()

    asyncio.run(run())
