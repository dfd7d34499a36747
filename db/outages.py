"""When the database fails for a while (locked, full, read-only, restarted): how to tell, and how to outlast it."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from db.postgres import READ_ONLY_TRANSACTION

logger = logging.getLogger(__name__)

T = TypeVar("T")

_UNREACHABLE = "The database cannot be reached"
_FULL = "The disk of the database is full"
_READ_ONLY = "The database cannot be written to"
_HELD = "The database is held by somebody else"
_KINDS = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: "The disk of the database reports errors",
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_BUSY: _HELD,
}
# By SQLSTATE.
_STATES = {READ_ONLY_TRANSACTION: _READ_ONLY, "53100": _FULL, "55P03": _HELD}
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class FileGone(OSError):
    """The file of an embedded database is not the one any more that was opened."""


def is_outage(error: BaseException | None) -> bool:
    """Whether the database could not do it now, and the same may succeed later. A wrong statement is no outage."""
    if isinstance(error, PoolTimeoutError | FileGone):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        return False
    return isinstance(error, OperationalError | InterfaceError)


def outage_in_words(error: BaseException | None) -> str:
    """What a client is told of an outage: what is wrong, as far as the database tells, and nothing else of it."""
    return f"{_what_is_wrong(error)}; try again."


def _what_is_wrong(error: BaseException | None) -> str:
    if isinstance(error, FileGone):
        return "The file of the database is gone"
    if isinstance(error, PoolTimeoutError | TimeoutError):
        return "The database does not answer in time"
    if not isinstance(error, DBAPIError):
        return _UNREACHABLE
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is None:
        return _STATES.get(getattr(error.orig, "sqlstate", None) or "", _UNREACHABLE)
    # The extended codes have the kind in their last byte.
    return _KINDS.get(code & 0xFF, _UNREACHABLE)


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
