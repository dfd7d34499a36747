"""/livez and /readyz, for supervisors and load balancers. Imports db and pipelines values.

A platform that is down does not make Unship unready: it still answers, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from db.database import Database
from db.outages import outage_in_words
from db.queries.operation import migration
from server.hosts import AllowedHosts
from server.running import Running

_PROBE_SECONDS = 5.0
_WRITE = "UPDATE alembic_version SET version_num = version_num"
_TAKE_THE_LOCK = "DELETE FROM execution WHERE 1 = 0"


class Probe:
    """One question to the database at a time: where it hangs, those who ask meanwhile wait for the same answer.

    It is not cancelled, which where a database hangs takes longer than to wait for it, and leaves it asked twice.
    """

    def __init__(self) -> None:
        self._asked: asyncio.Task[str | None] | None = None

    async def migration(self, database: Database) -> str | None:
        """Which one the database is at, if it can be written to; TimeoutError where it does not say so soon."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(_written_to(database))
            self._asked.add_done_callback(_look_at)
        asked = self._asked
        await asyncio.wait({asked}, timeout=_PROBE_SECONDS)
        if not asked.done():
            raise TimeoutError
        return asked.result()


def health_routes(running: Running, hosts: Sequence[str]) -> list[Route]:
    """For whoever knows the server by its address, or by one of these names."""
    probe = Probe()

    async def livez(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        complaint = await _complaint(running, probe)
        return PlainTextResponse(f"{complaint or 'ok'}\n", 503 if complaint else 200)

    guard = [Middleware(AllowedHosts, hosts=hosts, supervisors=True)]
    return [Route("/livez", livez, middleware=guard), Route("/readyz", readyz, middleware=guard)]


async def _complaint(running: Running, probe: Probe) -> str | None:
    if running.leaving.is_set() or running.draining.is_set():
        return "shutting down"
    if running.runtime is None:
        return "starting"
    try:
        present = await probe.migration(running.runtime.database)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        return f"the database cannot be written to ({outage_in_words(error)})"
    if present != running.migration:
        return f"the database is at migration {present} now, and this process needs {running.migration}"
    return running.runtime.complaint()


async def probe_database(database: Database) -> None:
    """Write what is there already: raises where the database is gone, full, read-only or stuck."""
    async with database.write() as session:
        await _probe(session)


def _look_at(asked: asyncio.Task[str | None]) -> None:
    """Whoever gave up waiting does not take its error any more."""
    if not asked.cancelled():
        asked.exception()


async def _written_to(database: Database) -> str | None:
    async with database.write() as session:
        await _probe(session)
        return await migration(session)


async def _probe(session: AsyncSession) -> None:
    # On an embedded database it is we who see that the disk is full, and only by writing; on PostgreSQL, where all
    # probe one database, taking the lock of a writer is enough.
    statement = _WRITE if session.get_bind().dialect.name == "sqlite" else _TAKE_THE_LOCK
    await session.execute(sa.text(statement))
