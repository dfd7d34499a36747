"""Writes a checked configuration into the tables, touching only what is new or different."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.statuses import EnvironmentType
from db.tables import (
    Environment,
    EnvironmentGroup,
    EnvironmentGroupMember,
    FreezeWindow,
    FreezeWindowEnvironment,
    FreezeWindowGroup,
    Infrastructure,
    Package,
    Pipeline,
    Service,
)
from pipelines.configuration_rows import Written, definition_of, existing, ids_by_identifier, put, put_members
from pipelines.documents import Configuration
from pipelines.documents.environment import EnvironmentKind
from pipelines.vocabulary import deployment_type_of
from providers.registry import Registry

_ENVIRONMENT_TYPES = {
    EnvironmentKind.PRODUCTION: EnvironmentType.PRODUCTION,
    EnvironmentKind.PRE_PRODUCTION: EnvironmentType.PRE_PRODUCTION,
}


async def write_configuration(
    session: AsyncSession, registry: Registry, configuration: Configuration
) -> list[Written]:
    """Create or update a row per document, within the caller's transaction; references exist or come along."""
    written = await _services(session, registry, configuration)
    written += await _environments(session, configuration)
    await session.flush()
    environment_ids = await ids_by_identifier(session, Environment)
    written += await _groups(session, configuration, environment_ids)
    written += await _infrastructures(session, registry, configuration, environment_ids)
    written += await _pipelines(session, configuration)
    written += await _freeze_windows(session, configuration, environment_ids)
    await session.flush()
    return written


async def write_packages(session: AsyncSession, packages: Mapping[str, bytes]) -> None:
    """Store packed directories by their digests, those that are not there yet."""
    present = set(
        await session.scalars(sa.select(col(Package.digest)).where(col(Package.digest).in_(packages.keys())))
    )
    session.add_all(
        Package(digest=digest, content=content) for digest, content in packages.items() if digest not in present
    )


async def _services(session: AsyncSession, registry: Registry, configuration: Configuration) -> list[Written]:
    rows = await existing(session, Service, [loaded.model.identifier for loaded in configuration.services])
    written: list[Written] = []
    for loaded in configuration.services:
        model = loaded.model
        columns = {
            "identifier": model.identifier,
            "name": model.name,
            "description": model.description,
            "tags": model.tags,
            "deployment_type": deployment_type_of(registry, model.deployment_type),
            "definition": definition_of(model),
        }
        row, changed = put(session, Service, rows.get(model.identifier), columns)
        written.append(Written(loaded.document, "Service", row.id, changed))
    return written


async def _environments(session: AsyncSession, configuration: Configuration) -> list[Written]:
    rows = await existing(session, Environment, [loaded.model.identifier for loaded in configuration.environments])
    written: list[Written] = []
    for loaded in configuration.environments:
        model = loaded.model
        columns = {
            "identifier": model.identifier,
            "name": model.name,
            "type": _ENVIRONMENT_TYPES[model.type],
            "definition": definition_of(model),
        }
        row, changed = put(session, Environment, rows.get(model.identifier), columns)
        written.append(Written(loaded.document, "Environment", row.id, changed))
    return written


async def _groups(
    session: AsyncSession, configuration: Configuration, environment_ids: dict[str, str]
) -> list[Written]:
    rows = await existing(session, EnvironmentGroup, [loaded.model.identifier for loaded in configuration.groups])
    written: list[Written] = []
    for loaded in configuration.groups:
        model = loaded.model
        columns = {"identifier": model.identifier, "name": model.name}
        row, changed = put(session, EnvironmentGroup, rows.get(model.identifier), columns)
        await session.flush()
        members = [environment_ids[identifier] for identifier in model.env_identifiers]
        owner = ("group_id", row.id)
        regrouped = await put_members(session, EnvironmentGroupMember, owner, "environment_id", members)
        written.append(Written(loaded.document, "EnvironmentGroup", row.id, changed or regrouped))
    return written


async def _infrastructures(
    session: AsyncSession,
    registry: Registry,
    configuration: Configuration,
    environment_ids: dict[str, str],
) -> list[Written]:
    identifiers = [loaded.model.identifier for loaded in configuration.infrastructures]
    found = await session.scalars(sa.select(Infrastructure).where(col(Infrastructure.identifier).in_(identifiers)))
    rows = {(row.environment_id, row.identifier): row for row in found}
    written: list[Written] = []
    for loaded in configuration.infrastructures:
        model = loaded.model
        environment_id = environment_ids[model.environment_ref]
        columns = {
            "identifier": model.identifier,
            "name": model.name,
            "environment_id": environment_id,
            "deployment_type": deployment_type_of(registry, model.deployment_type),
            "spec": model.spec,
        }
        row, changed = put(session, Infrastructure, rows.get((environment_id, model.identifier)), columns)
        written.append(Written(loaded.document, "Infrastructure", row.id, changed))
    return written


async def _pipelines(session: AsyncSession, configuration: Configuration) -> list[Written]:
    rows = await existing(session, Pipeline, [loaded.model.identifier for loaded in configuration.pipelines])
    written: list[Written] = []
    for loaded in configuration.pipelines:
        columns = {
            "identifier": loaded.model.identifier,
            "name": loaded.model.name,
            "yaml": loaded.source,
        }
        row, changed = put(session, Pipeline, rows.get(loaded.model.identifier), columns)
        written.append(Written(loaded.document, "Pipeline", row.id, changed))
    return written


async def _freeze_windows(
    session: AsyncSession, configuration: Configuration, environment_ids: dict[str, str]
) -> list[Written]:
    windows = [loaded.model.identifier for loaded in configuration.freeze_windows]
    rows = await existing(session, FreezeWindow, windows)
    group_ids = await ids_by_identifier(session, EnvironmentGroup) if windows else {}
    written: list[Written] = []
    for loaded in configuration.freeze_windows:
        model = loaded.model
        columns = {"identifier": model.identifier, "name": model.name, "definition": definition_of(model)}
        row, changed = put(session, FreezeWindow, rows.get(model.identifier), columns)
        await session.flush()
        owner = ("window_id", row.id)
        places = [environment_ids[identifier] for identifier in model.environments]
        await put_members(session, FreezeWindowEnvironment, owner, "environment_id", places)
        groups = [group_ids[identifier] for identifier in model.environment_groups]
        await put_members(session, FreezeWindowGroup, owner, "group_id", groups)
        written.append(Written(loaded.document, "FreezeWindow", row.id, changed))
    return written
