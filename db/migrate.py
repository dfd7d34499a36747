"""Brings a database to the shape this version needs, at every start. Imports db only.

`python -m db.migrate revision "Add freeze windows"` writes a new migration from the difference between the
tables and the migrations; `python -m db.migrate initial` writes the initial one anew (before the first release).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SAWarning

from db.database import async_url

_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSIONS = _MIGRATIONS / "versions"

# Any constant that nothing else in the database uses as an advisory lock.
_ADVISORY_LOCK = 7_305_861_022_115_530_241
_SQLITE_WAIT_SECONDS = 60

# Alembic keeps its context in module globals, so one process migrates one database at a time.
_one_at_a_time = threading.Lock()


class MigrationError(Exception):
    """The database cannot be brought to the shape this version needs; the message says what to do."""


async def upgrade(url: str) -> None:
    """Bring the database at `url` (`UNSHIP_DATABASE_URL`) to the newest shape, creating it if it is new.

    All or nothing, and safe while other processes do the same: the first one works, the others wait. A new
    SQLite file is readable by its owner only. Raises MigrationError and SQLAlchemy's OperationalError.
    """
    await asyncio.to_thread(_upgrade, url)


def _upgrade(url: str) -> None:
    with _one_at_a_time, _exclusive(_sync_url(url)) as connection:
        config = _config(connection)
        script = ScriptDirectory.from_config(config)
        present = MigrationContext.configure(connection).get_current_revision()
        newest = script.get_current_head()
        if present == newest:
            return
        if present is not None and present not in {revision.revision for revision in script.walk_revisions()}:
            raise MigrationError(
                f'The database is at migration "{present}", which this version does not know: a newer version '
                f'of Unship used it (this one ends at "{newest}"). Run that version, or restore a backup.'
            )
        command.upgrade(config, "head")
        _check_references(connection)


def _config(connection: sa.Connection) -> Config:
    config = Config(attributes={"connection": connection})
    # A "%" in the checkout's path would be read as an interpolation.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _sync_url(url: str) -> URL:
    parsed = make_url(async_url(url))
    if parsed.get_backend_name() != "sqlite":
        return parsed
    if parsed.database in (None, "", ":memory:"):
        raise MigrationError("UNSHIP_DATABASE_URL: SQLite needs a file, for example sqlite:////data/unship.db")
    return parsed.set(drivername="sqlite+pysqlite")


@contextmanager
def _exclusive(url: URL) -> Generator[sa.Connection]:
    """A connection in one transaction that excludes every other migration; commits at the end of the block."""
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite:
        _create_private(Path(url.database or ""))
    arguments = {"timeout": _SQLITE_WAIT_SECONDS} if is_sqlite else {}
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=arguments)
    if is_sqlite:
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", _begin_immediate)
    try:
        with engine.begin() as connection:
            if not is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
            yield connection
    finally:
        engine.dispose()


def _create_private(path: Path) -> None:
    """Create the file 0600 before SQLite would do it with the umask; its WAL takes over the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _leave_transactions_to_us(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _check_references(connection: sa.Connection) -> None:
    """SQLite rebuilds tables with foreign keys unenforced, so they are checked once before the commit."""
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise MigrationError(
            f'Migrating would leave rows of "{broken[0]}" pointing at nothing; nothing was changed.'
        )


def write_revision(message: str, *, initial: bool = False) -> Path:
    """Write a migration from the difference between the tables and a database at the newest migration.

    Returns its path, numbered after the last one. With `initial` the one existing migration is replaced.
    """
    existing = sorted(_VERSIONS.glob("[0-9]*.py"))
    if initial and len(existing) > 1:
        raise MigrationError("There is more than the initial migration; write a further one instead.")
    if initial:
        for path in existing:
            path.unlink()
        existing = []
    number = f"{len(existing) + 1:04d}"
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/scratch.db"
        _upgrade(url)
        with _one_at_a_time, _exclusive(_sync_url(url)) as connection:
            config = _config(connection)
            # SQLite alters tables by rebuilding them ("batches"); creating them needs none of that.
            config.attributes["in_batches"] = not initial
            _tidy_afterwards(config)
            with expressions_in_indexes():
                command.revision(config, message, autogenerate=True, rev_id=number)
    return next(_VERSIONS.glob(f"{number}_*.py"))


@contextmanager
def expressions_in_indexes() -> Generator[None]:
    """Within the block an index over an expression, which SQLite does not describe, is passed over in silence."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index", SAWarning)
        warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression-based", UserWarning)
        yield


def _tidy_afterwards(config: Config) -> None:
    commands = {"tidy": "check --fix --exit-zero --quiet", "format": "format --quiet"}
    config.set_section_option("post_write_hooks", "hooks", ", ".join(commands))
    for name, arguments in commands.items():
        config.set_section_option("post_write_hooks", f"{name}.type", "module")
        config.set_section_option("post_write_hooks", f"{name}.module", "ruff")
        config.set_section_option("post_write_hooks", f"{name}.options", f"{arguments} REVISION_SCRIPT_FILENAME")


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m db.migrate", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    revision = commands.add_parser("revision", help="write a further migration")
    revision.add_argument("message")
    commands.add_parser("initial", help="write the initial migration anew")
    chosen = parser.parse_args()
    try:
        if chosen.command == "initial":
            path = write_revision("Initial", initial=True)
        else:
            path = write_revision(chosen.message)
    except (MigrationError, CommandError) as error:
        parser.exit(1, f"{error}\n")
    parser.exit(0, f"Read {path} before you commit it.\n")


if __name__ == "__main__":
    _main()
