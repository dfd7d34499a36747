"""Lets one process at a time serve an embedded database."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from filelock import FileLock, Timeout
from sqlalchemy.engine import make_url

from db.database import Database


class DatabaseInUse(Exception):
    """Another process serves the same embedded database; it holds one process at a time."""


@contextmanager
def only_process(database: Database) -> Generator[None]:
    """Hold an embedded database's exclusive lock, which the operating system frees when the process dies.

    Raises DatabaseInUse. A PostgreSQL database is served by as many processes as there are.
    """
    if not database.is_sqlite:
        yield
        return
    path = f"{make_url(database.url).database}.lock"
    lock = FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout as taken:
        raise DatabaseInUse(
            f"Another process serves this database already ({path} is locked). An embedded database serves one "
            "process; stop the other one, or set UNSHIP_DATABASE_URL to a PostgreSQL database to run several."
        ) from taken
    try:
        yield
    finally:
        lock.release()
