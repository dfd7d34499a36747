"""The application database: one async engine, read and write transactions, one path for SQLite and Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from db import postgres, sqlite
from db.embedded import LOCKED_SECONDS, Embedded
from db.turns import turn

# How long to wait for a connection of the pool: less than a query may take, so that it is told why.
_NO_CONNECTION_SECONDS = 8
# So many of the pool's connections may be with those who follow executions: hundreds of them wake at each event.
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
        f"busy_timeout={LOCKED_SECONDS * 1000}",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class Database:
    """The engine and the ways to use it.

    `read()` gives a connection for column queries; `write()` a session in a transaction that commits at the end
    of the block (BEGIN IMMEDIATE on SQLite, so that a writer never fails half-way for another one).
    """

    def __init__(self, url: str) -> None:
        self.url = async_url(url)
        parsed = make_url(self.url)
        self._embedded = Embedded(parsed.database or "") if self.url.startswith("sqlite") else None
        self.engine = _engine(self.url, self._embedded)
        self._following = asyncio.Semaphore(_FOLLOWING)
        self._asking = asyncio.Semaphore(_ASKING)

    @property
    def is_sqlite(self) -> bool:
        return self._embedded is not None

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
        if self._embedded is not None:
            await self._embedded.begin(session)

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[None]:
        """The turn to write; an outage (`db.outages`) where it does not come."""
        async with nullcontext() if self._embedded is None else self._embedded.turn():
            yield

    async def close(self) -> None:
        await self.engine.dispose()


def _engine(url: str, embedded: Embedded | None) -> AsyncEngine:
    pool: dict[str, Any] = {"pool_size": 20, "max_overflow": 10, "pool_timeout": _NO_CONNECTION_SECONDS}
    if embedded is None:
        arguments = postgres.arguments(make_url(url))
        engine = create_async_engine(url, pool_pre_ping=True, connect_args=arguments, **pool)
        postgres.watch(engine.sync_engine)
        return engine
    engine = create_async_engine(url, connect_args={"async_creator_fn": sqlite.connect}, **pool)
    event.listen(engine.sync_engine, "do_connect", embedded.require)
    event.listen(engine.sync_engine, "connect", prepare_sqlite)
    event.listen(engine.sync_engine, "connect", embedded.opened)
    return engine
