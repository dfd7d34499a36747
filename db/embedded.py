"""The file of an embedded database, which has one writer at a time and must stay the file that was opened."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from db.outages import FileGone
from db.turns import turn

# How long another program may hold SQLite's write lock before the caller is told that the database is unavailable.
LOCKED_SECONDS = 5

_AT_ONCE = sa.text("PRAGMA busy_timeout=0")
_PATIENTLY = sa.text(f"PRAGMA busy_timeout={LOCKED_SECONDS * 1000}")
_BEGIN = sa.text("BEGIN IMMEDIATE")


class Embedded:
    """Whose turn it is to write to the file at `path`, and whether it is still there."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._opened: tuple[int, int] | None = None
        self._turn = asyncio.Lock()
        self._held = False

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """The turn among the writers of this process; an outage where it does not come.

        SQLite has one writer and polls for it; queueing here is fair and 20 times faster.
        """
        async with turn(self._turn):
            yield

    async def begin(self, session: AsyncSession) -> None:
        """Take the write lock; an outage where another program holds it.

        Whoever finds that out has waited for it. Until somebody gets it, the others are told at once: in a queue
        the last one would wait for a minute.
        """
        self.require()
        was_held = self._held
        if was_held:
            await session.execute(_AT_ONCE)
        try:
            await session.execute(_BEGIN)
            self._held = False
        except OperationalError as error:
            code = getattr(error.orig, "sqlite_errorcode", 0)
            self._held = code & 0xFF == sqlite3.SQLITE_BUSY
            raise
        finally:
            if was_held:
                await session.execute(_PATIENTLY)

    def opened(self, *_: object) -> None:
        """Note which file it is, at the first connection."""
        self._opened = self._opened or _identity(self._path)

    def require(self, *_: object) -> None:
        """Raises FileGone where another file, or none, has its place now.

        Open connections would go on writing into what nobody finds again, and new ones make an empty file.
        """
        if self._opened is not None and _identity(self._path) != self._opened:
            raise FileGone(f"{self._path} was deleted or replaced while it was in use")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
