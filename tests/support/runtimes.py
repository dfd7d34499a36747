"""A runtime over a migrated database, with nothing that carries executions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from db.database import Database
from pipelines.runtime import Rules, Runtime
from providers.connectors import Connectors
from providers.registry import Registry
from tests.support.databases import migrated


@asynccontextmanager
async def open_runtime(
    url: str, *, connectors: Connectors | None = None, rules: Rules | None = None
) -> AsyncGenerator[Runtime]:
    """Handing an execution over does nothing."""
    await migrated(url)
    database = Database(url)
    registry = Registry(connectors or Connectors())
    try:
        yield Runtime(database, registry, rules or Rules(), _leave)
    finally:
        await registry.close()
        await database.close()


async def _leave(execution_id: str) -> None:
    del execution_id
