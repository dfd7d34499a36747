"""The application database: one async engine, read and write transactions, one path for SQLite and Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from db import sqlite
from db.turns import turn

# How long another program may hold SQLite's write lock before the caller is told that the database is unavailable.
_LOCKED_SECONDS = 5
# After that PostgreSQL ends a transaction whose process hangs, so that its rows can be had by another one.
_ABANDONED_SECONDS = 20
_POOL = 30
# So many of them may be with those who follow executions: hundreds of them wake at each event.
_FOLLOWING = 10
# And so many with those who ask for an execution: of a crowd at one target, all but one wait for its row.
_ASKING = 10


def async_url(url: str) -> str:
    """`UNSHIP_DATABASE_URL` with the driver that Unship uses for it; ValueError for any other database."""
    parsed = make_url(url)
    drivers = {
        "sqlite": "sqlite+aiosqlite",
        "postgresql": "postgresql+psycopg",
        "postgres": "postgresql+psycopg",
    }
    driver = drivers.get(parsed.drivername.split("+")[0])
    if driver is None:
        raise ValueError(f'UNSHIP_DATABASE_URL: "{parsed.drivername}" is not supported; use sqlite or postgresql')
    return parsed.set(drivername=driver).render_as_string(hide_password=False)


def prepare_sqlite(connection: Any, _record: object) -> None:
    """Durable, concurrent SQLite: acknowledged writes survive a power cut, readers never wait for writers."""
    connection.isolation_level = "IMMEDIATE"
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"busy_timeout={_LOCKED_SECONDS * 1000}",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_postgres(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET idle_in_transaction_session_timeout = '{_ABANDONED_SECONDS}s'")
    cursor.close()
    connection.commit()


class Database:
    """The engine and the ways to use it.

    `read()` gives a connection for column queries; `write()` a session in a transaction that commits at the end
    of the block (BEGIN IMMEDIATE on SQLite, so that a writer never fails half-way for another one).
    """

    def __init__(self, url: str) -> None:
        self.url = async_url(url)
        self.is_sqlite = self.url.startswith("sqlite")
        pool: dict[str, Any] = {"pool_size": 20, "max_overflow": _POOL - 20, "pool_timeout": 10}
        if self.is_sqlite:
            pool["connect_args"] = {"async_creator_fn": sqlite.connect}
        self.engine: AsyncEngine = create_async_engine(self.url, pool_pre_ping=not self.is_sqlite, **pool)
        self._turn = asyncio.Lock()
        self._following = asyncio.Semaphore(_FOLLOWING)
        self._asking = asyncio.Semaphore(_ASKING)
        event.listen(self.engine.sync_engine, "connect", prepare_sqlite if self.is_sqlite else _prepare_postgres)

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection]:
        async with self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def follow(self) -> AsyncGenerator[AsyncConnection]:
        """As `read`, for those who follow executions: however many they are, others find a connection."""
        async with self._following, self.read() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncSession]:
        async with (
            self.writing(),
            AsyncSession(self.engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            await self.begin(session)
            yield session

    @asynccontextmanager
    async def admit(self) -> AsyncGenerator[AsyncSession]:
        """As `write`, for those who ask: however many they are, what is carried out finds a connection.

        An outage (`db.outages`) where the turn does not come within 30 seconds.
        """
        async with turn(self._asking), self.write() as session:
            yield session

    async def begin(self, session: AsyncSession) -> None:
        """Take SQLite's write lock at the start of a transaction: what it reads stays true until it commits."""
        if self.is_sqlite:
            await session.execute(sa.text("BEGIN IMMEDIATE"))

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[None]:
        """The turn to write; an outage (`db.outages`) where it does not come.

        SQLite has one writer and polls for it; queueing here is fair and 20 times faster.
        """
        if self.is_sqlite:
            async with turn(self._turn):
                yield
        else:
            yield

    async def close(self) -> None:
        await self.engine.dispose()
