"""What `python -m server check` verifies: connectors, database, engine. Imports db and providers."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from db import migrate
from db.database import Database
from db.statuses import ACTIVE_EXECUTIONS
from db.tables import Execution
from providers.connectors import Connector, ConnectorsError, load_connectors
from providers.errors import ProviderError
from providers.registry import Registry
from providers.retry import patience
from server.consistency import consistency
from server.findings import Finding
from server.health import probe_database
from server.settings import Settings

_ANSWER_SECONDS = 5.0
# Before that: what the platform said last is told rather than that the time is over.
_PATIENCE_SECONDS = 4.5


async def check(settings: Settings) -> list[Finding]:
    """Every finding, in the order in which they were looked at. Changes nothing."""
    findings = await _connectors(settings.connectors)
    path = _sqlite_file(settings.resolved_database_url)
    if path is not None and not path.exists():
        return [*findings, Finding("database", True, f"{path} is not there yet; the first start creates it")]
    if path is not None:
        findings += [_intact("database file", path), _intact("engine file", path.with_name(f"{path.name}-engine"))]
    try:
        async for finding in _asked(settings):
            findings.append(finding)
    except DBAPIError as error:
        findings.append(Finding("database", False, str(error.args[0] if error.args else error)))
    return findings


async def _connectors(path: Path | None) -> list[Finding]:
    """Whether the connectors file can be used, and who answers at each connector of it."""
    try:
        connectors = load_connectors(path)
    except ConnectorsError as error:
        return [Finding("connectors", False, str(error))]
    names = sorted(connectors.identifiers())
    none = "none (UNSHIP_CONNECTORS is not set)" if path is None else "none (the file lists none)"
    registry = Registry(connectors)
    try:
        reached = await asyncio.gather(*(_reached(registry, connectors.by_identifier[name]) for name in names))
    finally:
        await registry.close()
    return [Finding("connectors", True, ", ".join(names) or none), *reached]


async def _reached(registry: Registry, connector: Connector) -> Finding:
    what = f"connector {connector.identifier}"
    provider = registry.of_connector(connector.type)
    if provider is None:
        known = ", ".join(sorted({one.connector_type for one in registry}))
        return Finding(
            what, False, f'nothing here uses connectors of the type "{connector.type}" (known: {known})'
        )
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            with patience(_PATIENCE_SECONDS):
                return Finding(what, True, f"reachable, {await provider.check(connector.identifier)}")
    except TimeoutError:
        return Finding(what, False, f"It did not answer within {_ANSWER_SECONDS:g} s.")
    except ProviderError as error:
        return Finding(what, False, str(error))


async def _asked(settings: Settings) -> AsyncGenerator[Finding]:
    newest = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations")).get_current_head()
    database = Database(settings.resolved_database_url)
    try:
        async with database.read() as connection:
            present = (await connection.execute(sa.text("SELECT version_num FROM alembic_version"))).scalar()
            active = sa.select(sa.func.count()).where(col(Execution.status).in_(ACTIVE_EXECUTIONS))
            running = (await connection.execute(active)).scalar_one()
        known = (
            f"at {present}" if present == newest else f"at {present}, this version's is {newest}; start it once"
        )
        yield Finding("migrations", present == newest, known)
        await probe_database(database)
        yield Finding("writing", True, "possible")
        yield Finding("executions under way", True, str(running))
        # What an older one lacks cannot be asked for.
        for finding in await consistency(settings, database) if present == newest else ():
            yield finding
    finally:
        await database.close()


def _sqlite_file(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def _intact(what: str, path: Path) -> Finding:
    if not path.exists():
        return Finding(what, True, f"{path} is not there yet")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        return Finding(what, False, f"{path}: {error}")
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return Finding(what, False, f"{path} can be read by others (mode {mode:o}); chmod 600")
    return Finding(what, answer == "ok", f"{path}: {answer}")
