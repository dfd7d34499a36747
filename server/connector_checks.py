"""What `check` says of the connectors file: who answers, and whether it has what the database names."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries.consistency import ConnectorUse, connectors_used
from providers.connectors import Connector, Connectors
from providers.errors import ProviderError
from providers.registry import Registry
from providers.retry import patience
from server.findings import Finding, summed_up

_ANSWER_SECONDS = 5.0
# Before that: what the platform said last is told rather than that the time is over.
_PATIENCE_SECONDS = 4.5


async def reachable(connectors: Connectors, path: Path | None) -> list[Finding]:
    """What the file at `path` lists, and who answers at each connector."""
    names = sorted(connectors.identifiers())
    registry = Registry(connectors)
    try:
        reached = await asyncio.gather(*(_reached(registry, connectors.by_identifier[name]) for name in names))
    finally:
        await registry.close()
    none = "none (UNSHIP_CONNECTORS is not set)" if path is None else "none (the file lists none)"
    return [Finding("connectors", True, ", ".join(names) or none), *reached]


async def _reached(registry: Registry, connector: Connector) -> Finding:
    what = f"connector {connector.identifier}"
    provider = registry.of_connector(connector.type)
    if provider is None and connector.type in registry.source_types:
        return Finding(what, True, f"{connector.type}, asked only when something is fetched from it")
    if provider is None:
        known = ", ".join(sorted({one.connector_type for one in registry} | registry.source_types))
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


async def referred_to(connectors: Connectors, connection: AsyncConnection) -> Finding:
    """Whether every infrastructure's connector is listed, and is of the kind that it needs."""
    registry = Registry(connectors)
    uses = await connectors_used(connection)
    problems = [problem for use in uses if (problem := _problem(registry, use)) is not None]
    todo = "list it in the connectors file (UNSHIP_CONNECTORS): nothing can be deployed or rolled back there"
    return summed_up("connectors referred to", problems, "all are listed", todo)


def _problem(registry: Registry, use: ConnectorUse) -> str | None:
    provider = registry.find(use.deployment_type)
    # What an expression comes to is known when a stage begins.
    if provider is None or use.connector is None or "<+" in use.connector:
        return None
    where = f'infrastructure "{use.infrastructure}" of environment "{use.environment}" names the connector'
    connector = registry.connectors.by_identifier.get(use.connector)
    if connector is None:
        return f'{where} "{use.connector}", which is not there'
    if connector.type != provider.connector_type:
        return f'{where} "{use.connector}" of type {connector.type}, and needs {provider.connector_type}'
    return None
