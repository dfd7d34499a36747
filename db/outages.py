"""When the database fails for a while (locked, full, read-only, restarted): how to tell, and how to outlast it."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

logger = logging.getLogger(__name__)

T = TypeVar("T")

_UNREACHABLE = "The database cannot be reached"
_KINDS = {
    sqlite3.SQLITE_FULL: "The disk of the database is full",
    sqlite3.SQLITE_IOERR: "The disk of the database reports errors",
    sqlite3.SQLITE_READONLY: "The database cannot be written to",
    sqlite3.SQLITE_BUSY: "The database is held by somebody else",
}
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
# SQLSTATE of a write to a PostgreSQL server that is a standby, as after a fail-over.
_READ_ONLY_TRANSACTION = "25006"


def is_outage(error: BaseException | None) -> bool:
    """Whether the database could not do it now, and the same may succeed later. A wrong statement is no outage."""
    if isinstance(error, PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated or getattr(error.orig, "sqlstate", None) == _READ_ONLY_TRANSACTION:
        return True
    if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        return False
    return isinstance(error, OperationalError | InterfaceError)


def outage_in_words(error: BaseException | None) -> str:
    """What a client is told of an outage: what is wrong, as far as the database tells, and nothing else of it."""
    if isinstance(error, PoolTimeoutError):
        return "Too much is asked of the database at this moment; try again."
    code = getattr(error.orig, "sqlite_errorcode", None) if isinstance(error, DBAPIError) else None
    # The extended codes have the kind in their last byte.
    return f"{_KINDS.get(code & 0xFF, _UNREACHABLE) if code is not None else _UNREACHABLE}; try again."


async def outlast(attempt: Callable[[bool], Awaitable[T]]) -> T:
    """Repeat `attempt` until no outage interrupts it, with pauses from 0.1 to 5 seconds.

    It is told whether it is a repetition: the try before may have been committed although its answer was lost.
    """
    pause, again = _FIRST_PAUSE, False
    while True:
        try:
            return await attempt(again)
        except Exception as error:
            if not is_outage(error):
                raise
            logger.warning("the database is unavailable, next try in %g s: %s", pause, error)
        await asyncio.sleep(pause)
        pause, again = min(2 * pause, _LONGEST_PAUSE), True
