"""Where the engine keeps its own database, and what it knows of executions, read from beside it. Imports dbos."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from dbos import DBOSClient
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url

from db import postgres
from db.database import Database, prepare_sqlite

APPLICATION = "unship"
UNDER_WAY = ("PENDING", "ENQUEUED")
# After an execution's end nothing asks for its records, or for what the engine knows of it; people may.
KEPT = timedelta(days=7)
_AT_ONCE = 500


@dataclass(frozen=True)
class Workflow:
    """What the engine knows of an execution: that it is under way, or has ended."""

    execution_id: str
    under_way: bool


def engine_url(database: Database) -> URL:
    """The file beside an embedded database; within PostgreSQL the same database, in a schema of its own."""
    url = make_url(database.url)
    if database.is_sqlite:
        return url.set(drivername="sqlite", database=f"{url.database}-engine")
    return url.set(drivername="postgresql")


def engine_connections(database: Database) -> sa.Engine:
    """The connections of the engine, as durable and as watched as our own; creates its file if need be."""
    url = engine_url(database)
    if database.is_sqlite:
        Path(url.database or "").touch(mode=0o600)
        engine = sa.create_engine(url)
        event.listen(engine, "connect", prepare_sqlite)
        return engine
    engine = sa.create_engine(
        _with_driver(url), pool_size=20, max_overflow=0, pool_pre_ping=True, connect_args=postgres.arguments(url)
    )
    postgres.watch(engine)
    return engine


def _with_driver(url: URL) -> URL:
    return url.set(drivername="sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg")


async def workflows(database: Database, execution_ids: Sequence[str]) -> list[Workflow]:
    """Everything that the engine has under way, and what it knows of these executions; changes nothing.

    Nothing where the engine has never run on that database.
    """
    return await asyncio.to_thread(_workflows, engine_url(database), execution_ids)


def _workflows(url: URL, execution_ids: Sequence[str]) -> list[Workflow]:
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite and not Path(url.database or "").exists():
        return []
    engine = sa.create_engine(_with_driver(url))
    try:
        if not sa.inspect(engine).has_table("workflow_status", schema=None if is_sqlite else "dbos"):
            return []
        client = DBOSClient(
            system_database_engine=engine, application_name=APPLICATION, retry_connection_errors=False
        )
        try:
            found = client.list_workflows(status=list(UNDER_WAY), load_input=False, load_output=False)
            for start in range(0, len(execution_ids), _AT_ONCE):
                some = list(execution_ids[start : start + _AT_ONCE])
                found += client.list_workflows(workflow_ids=some, load_input=False, load_output=False)
        finally:
            client.destroy()
    finally:
        engine.dispose()
    return [Workflow(one.workflow_id, one.status in UNDER_WAY) for one in found]
