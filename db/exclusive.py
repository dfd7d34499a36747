"""Lets one process at a time serve a database, so that no execution is carried by two."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.engine import make_url

from db.database import Database

# Any constant that nothing else in the database uses as an advisory lock.
_ADVISORY_LOCK = 5_118_240_977_463_021_187


class DatabaseInUse(Exception):
    """Another process serves the same database."""


def only_process(database: Database) -> AbstractContextManager[None]:
    """Hold the database's exclusive lock, which is freed when the process dies. Raises DatabaseInUse."""
    return _only_on_file(database) if database.is_sqlite else _only_on_server(database)


@contextmanager
def _only_on_file(database: Database) -> Generator[None]:
    path = f"{make_url(database.url).database}.lock"
    lock = FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout as taken:
        raise DatabaseInUse(
            f"Another process serves this database already ({path} is locked). An embedded database serves one "
            "process; stop the other one first."
        ) from taken
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _only_on_server(database: Database) -> Generator[None]:
    engine = sa.create_engine(database.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_ADVISORY_LOCK))):
            raise DatabaseInUse(
                "Another process serves this PostgreSQL database already. One process carries its executions; "
                "stop the other one first."
            )
        yield
