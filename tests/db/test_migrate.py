"""The migrations lead exactly to the tables, once, whoever runs them and however many at a time."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from db import tables
from db.columns import UtcDateTime
from db.database import Database, async_url
from db.migrate import MigrationError, expressions_in_indexes, upgrade, write_revision

METADATA = tables.Service.metadata
ROOT = Path(__file__).parents[2]


def engine_of(url: str) -> sa.Engine:
    return sa.create_engine(
        async_url(url).replace("+aiosqlite", "+pysqlite"),
        poolclass=sa.NullPool,
    )


def shape(url: str) -> dict[str, str]:
    """What the database says of its columns, constraints and indexes (with the conditions of partial ones).

    The parts of each statement are sorted: constraints without a name have no order of their own.
    """
    engine = engine_of(url)
    statements = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL",
        "postgresql": """
            SELECT 'column ' || table_name || '.' || column_name,
                   concat_ws(' ', data_type, character_maximum_length, is_nullable, column_default)
              FROM information_schema.columns WHERE table_schema = 'public'
            UNION ALL SELECT 'index ' || indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL SELECT 'constraint ' || conname, pg_get_constraintdef(oid) FROM pg_constraint
              WHERE connamespace = 'public'::regnamespace""",
    }
    with engine.connect() as connection:
        rows = connection.execute(sa.text(statements[engine.dialect.name])).all()
    engine.dispose()
    return {
        str(name): " ".join(sorted(re.split(r"[\s\",]+", str(said))))
        for name, said in rows
        if "alembic_version" not in str(name)
    }


def test_migrations_lead_to_the_tables(database_url: str) -> None:
    asyncio.run(upgrade(database_url))
    engine = engine_of(database_url)
    with engine.connect() as connection, expressions_in_indexes():
        options = {"compare_type": True, "compare_server_default": True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)
    engine.dispose()
    assert differences == [], "run: python -m db.migrate revision (before the first release: initial)"


def test_a_migrated_database_equals_a_created_one(database_url: str, tmp_path: Path) -> None:
    asyncio.run(upgrade(database_url))
    migrated = shape(database_url)
    engine = engine_of(database_url)
    if engine.dialect.name == "sqlite":
        created_url = f"sqlite:///{tmp_path}/created.db"
        created = engine_of(created_url)
        METADATA.create_all(created)
        expected = shape(created_url)
    else:
        METADATA.drop_all(engine)
        METADATA.create_all(engine)
        expected = shape(database_url)
    engine.dispose()
    assert len(expected) > 20
    assert migrated == expected


def test_upgrading_again_keeps_what_is_there(database_url: str) -> None:
    async def scenario() -> list[str]:
        await upgrade(database_url)
        database = Database(database_url)
        async with database.write() as session:
            session.add(tables.EnvironmentGroup(identifier="all", name="All"))
        await upgrade(database_url)
        async with database.read() as connection:
            rows = await connection.execute(sa.select(col(tables.EnvironmentGroup.name)))
        found = [name for (name,) in rows.all()]
        await database.close()
        return found

    assert asyncio.run(scenario()) == ["All"]


def test_many_processes_at_once(database_url: str) -> None:
    program = "import asyncio, sys; from db.migrate import upgrade; asyncio.run(upgrade(sys.argv[1]))"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    said = [racer.communicate(timeout=120)[1] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0, 0], said
    engine = engine_of(database_url)
    with engine.connect() as connection:
        versions = connection.execute(sa.text("SELECT version_num FROM alembic_version")).all()
    engine.dispose()
    assert len(versions) == 1


def test_many_upgrades_in_one_process(database_url: str) -> None:
    async def scenario() -> None:
        await asyncio.gather(*(upgrade(database_url) for _ in range(4)))

    asyncio.run(scenario())
    assert "alembic_version" in sa.inspect(engine_of(database_url)).get_table_names()


def test_a_database_of_a_newer_version_is_refused(database_url: str) -> None:
    asyncio.run(upgrade(database_url))
    engine = engine_of(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(MigrationError, match=r'migration "9999".*newer version'):
        asyncio.run(upgrade(database_url))


def test_a_failing_migration_leaves_nothing_behind(database_url: str) -> None:
    """The last table of the initial migration is in the way already, so it fails after creating all others."""
    engine = engine_of(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE step (id INTEGER)"))
    with pytest.raises(DBAPIError, match="step"):
        asyncio.run(upgrade(database_url))
    assert sa.inspect(engine).get_table_names() == ["step"]
    engine.dispose()


def test_a_new_sqlite_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "unship.db"

    async def scenario() -> list[int]:
        await upgrade(f"sqlite:///{path}")
        database = Database(f"sqlite:///{path}")
        async with database.write() as session:
            session.add(tables.EnvironmentGroup(identifier="all", name="All"))
        modes = [stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()]
        await database.close()
        return modes

    modes = asyncio.run(scenario())
    assert len(modes) >= 2, "the write-ahead log should stand beside the database"
    assert set(modes) == {0o600}


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(MigrationError, match="needs a file"):
        asyncio.run(upgrade(url))


def test_logging_is_left_alone(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("sqlalchemy.engine").level)
    asyncio.run(upgrade(f"sqlite:///{tmp_path}/unship.db"))
    after = (root.level, list(root.handlers), logging.getLogger("sqlalchemy.engine").level)
    assert before == after


def test_the_initial_migration_is_not_rewritten_once_others_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in ("0001", "0002"):
        (tmp_path / f"{number}_some.py").write_text("")
    monkeypatch.setattr("db.migrate._VERSIONS", tmp_path)
    with pytest.raises(MigrationError, match="more than the initial"):
        write_revision("Initial", initial=True)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_further_migration_is_written_from_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "migrations"
    shutil.copytree(ROOT / "db" / "migrations", copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr("db.migrate._MIGRATIONS", copy)
    monkeypatch.setattr("db.migrate._VERSIONS", copy / "versions")
    url = f"sqlite:///{tmp_path}/unship.db"
    asyncio.run(upgrade(url))
    added = sa.Table("somethingnew", METADATA, sa.Column("until", UtcDateTime, primary_key=True))
    try:
        path = write_revision("Add something new")
    finally:
        METADATA.remove(added)
    before = [int(found.name[:4]) for found in (ROOT / "db" / "migrations" / "versions").glob("[0-9]*.py")]
    assert path.name == f"{max(before) + 1:04d}_add_something_new.py"
    text = path.read_text()
    assert '"""Add something new. Forward only: the way back is a backup."""' in text
    assert "sa.DateTime(timezone=True)" in text
    assert subprocess.run([sys.executable, "-m", "ruff", "check", path], cwd=ROOT, check=False).returncode == 0
    asyncio.run(upgrade(url))
    engine = engine_of(url)
    assert "somethingnew" in sa.inspect(engine).get_table_names()
    engine.dispose()
