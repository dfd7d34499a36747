"""SQLite for the event loop, with one change of threads per statement where the driver makes four.

A connection lives in a thread of its own, and each change of threads costs more than most of our statements. So a
statement is executed, its rows are fetched and its cursor is closed in one go.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import aiosqlite


def connect(database: str, **options: Any) -> aiosqlite.Connection:
    """As `aiosqlite.connect`, with the quicker cursors; the `async_creator_fn` of an engine."""
    return _Connection(lambda: sqlite3.connect(database, **options), iter_chunk_size=64)


class _Done(NamedTuple):
    """What a statement gave; `rows` is None where it gives none."""

    description: Any
    rowcount: int
    lastrowid: int | None
    rows: list[Any] | None


class _Connection(aiosqlite.Connection):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # The end of the process does not wait for connections that nobody closed.
        self._thread.daemon = True

    def cursor(self) -> Any:
        return _Cursor(self)

    async def run(self, how: Literal["execute", "executemany"], statement: str, parameters: Any) -> _Done:
        in_its_thread: Callable[..., Awaitable[_Done]] = getattr(self, "_execute")  # noqa: B009 - it has no types
        return await in_its_thread(self._run, how, statement, parameters)

    def _run(self, how: str, statement: str, parameters: Any) -> _Done:
        cursor: sqlite3.Cursor = getattr(self._conn, how)(statement, parameters)
        try:
            rows = cursor.fetchall() if cursor.description else None
            return _Done(cursor.description, cursor.rowcount, cursor.lastrowid, rows)
        finally:
            cursor.close()

    async def rollback(self) -> None:
        # The pool asks for it whenever a connection comes back, mostly from reading.
        if self.in_transaction:
            await super().rollback()


class _Cursor:
    """What SQLAlchemy's adapter uses of a cursor; between statements nothing of it is open."""

    arraysize = 1

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._done = _Done(None, -1, None, None)

    async def __aenter__(self) -> _Cursor:
        return self

    @property
    def description(self) -> Any:
        return self._done.description

    @property
    def rowcount(self) -> int:
        return self._done.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._done.lastrowid

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> _Cursor:
        self._done = await self._connection.run("execute", statement, parameters)
        return self

    async def executemany(self, statement: str, parameters: Iterable[Sequence[Any]]) -> _Cursor:
        self._done = await self._connection.run("executemany", statement, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        return self._done.rows or []

    async def close(self) -> None:
        self._done = self._done._replace(rows=None)
