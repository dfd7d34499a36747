"""Lets one process at a time serve an embedded database, so that no execution is carried by two."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from filelock import FileLock, Timeout
from sqlalchemy.engine import make_url

from db.database import Database


class DatabaseInUse(Exception):
    """Another process serves the same database."""


def only_process(database: Database) -> AbstractContextManager[None]:
    """Hold an embedded database's exclusive lock, which is freed when the process dies. Raises DatabaseInUse.

    On PostgreSQL several processes serve one database, and claim each execution for themselves.
    """
    return _only_on_file(database) if database.is_sqlite else nullcontext()


@contextmanager
def _only_on_file(database: Database) -> Generator[None]:
    path = f"{make_url(database.url).database}.lock"
    lock = FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout as taken:
        raise DatabaseInUse(
            f"Another process serves this database already ({path} is locked). An embedded database serves one "
            "process; stop the other one first, or give several servers a PostgreSQL."
        ) from taken
    try:
        yield
    finally:
        lock.release()
