"""Writes a checked configuration into the tables, touching only what is new or different."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import now
from db.statuses import EnvironmentType
from db.tables import (
    Environment,
    EnvironmentGroup,
    EnvironmentGroupMember,
    Infrastructure,
    Package,
    Pipeline,
    Service,
)
from pipelines.documents import Configuration
from pipelines.documents.base import Model
from pipelines.documents.environment import EnvironmentKind
from pipelines.vocabulary import deployment_type_of
from providers.registry import Registry

_ENVIRONMENT_TYPES = {
    EnvironmentKind.PRODUCTION: EnvironmentType.PRODUCTION,
    EnvironmentKind.PRE_PRODUCTION: EnvironmentType.PRE_PRODUCTION,
}

RowT = TypeVar("RowT", Service, Environment, EnvironmentGroup, Infrastructure, Pipeline)
NamedT = TypeVar("NamedT", Service, Environment, EnvironmentGroup, Pipeline)


@dataclass(frozen=True)
class Written:
    """One document's row: `type_name` as the GraphQL schema calls it, `document` its position in the input."""

    document: int
    type_name: str
    id: str
    changed: bool


async def write_configuration(
    session: AsyncSession, registry: Registry, configuration: Configuration
) -> list[Written]:
    """Create or update a row per document, within the caller's transaction; references exist or come along."""
    written = await _services(session, registry, configuration)
    written += await _environments(session, configuration)
    await session.flush()
    environment_ids = await _environment_ids(session)
    written += await _groups(session, configuration, environment_ids)
    written += await _infrastructures(session, registry, configuration, environment_ids)
    written += await _pipelines(session, configuration)
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


def definition_of(model: Model) -> dict[str, Any]:
    """A document as it is stored: what was written in it, in JSON, readable by the same model."""
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


async def _services(session: AsyncSession, registry: Registry, configuration: Configuration) -> list[Written]:
    rows = await _existing(session, Service, [loaded.model.identifier for loaded in configuration.services])
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
        row, changed = _put(session, Service, rows.get(model.identifier), columns)
        written.append(Written(loaded.document, "Service", row.id, changed))
    return written


async def _environments(session: AsyncSession, configuration: Configuration) -> list[Written]:
    rows = await _existing(
        session, Environment, [loaded.model.identifier for loaded in configuration.environments]
    )
    written: list[Written] = []
    for loaded in configuration.environments:
        model = loaded.model
        columns = {
            "identifier": model.identifier,
            "name": model.name,
            "type": _ENVIRONMENT_TYPES[model.type],
            "definition": definition_of(model),
        }
        row, changed = _put(session, Environment, rows.get(model.identifier), columns)
        written.append(Written(loaded.document, "Environment", row.id, changed))
    return written


async def _groups(
    session: AsyncSession, configuration: Configuration, environment_ids: dict[str, str]
) -> list[Written]:
    rows = await _existing(session, EnvironmentGroup, [loaded.model.identifier for loaded in configuration.groups])
    written: list[Written] = []
    for loaded in configuration.groups:
        model = loaded.model
        columns = {"identifier": model.identifier, "name": model.name}
        row, changed = _put(session, EnvironmentGroup, rows.get(model.identifier), columns)
        await session.flush()
        # The same environment named twice is one member, at its first place.
        members = tuple(dict.fromkeys(environment_ids[identifier] for identifier in model.env_identifiers))
        regrouped = await _set_members(session, row.id, members)
        written.append(Written(loaded.document, "EnvironmentGroup", row.id, changed or regrouped))
    return written


async def _set_members(session: AsyncSession, group_id: str, members: Sequence[str]) -> bool:
    of_group = col(EnvironmentGroupMember.group_id) == group_id
    order = col(EnvironmentGroupMember.position)
    stored = await session.scalars(
        sa.select(col(EnvironmentGroupMember.environment_id)).where(of_group).order_by(order)
    )
    if tuple(stored) == tuple(members):
        return False
    await session.execute(sa.delete(EnvironmentGroupMember).where(of_group))
    session.add_all(
        EnvironmentGroupMember(group_id=group_id, environment_id=environment_id, position=position)
        for position, environment_id in enumerate(members)
    )
    return True


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
        row, changed = _put(session, Infrastructure, rows.get((environment_id, model.identifier)), columns)
        written.append(Written(loaded.document, "Infrastructure", row.id, changed))
    return written


async def _pipelines(session: AsyncSession, configuration: Configuration) -> list[Written]:
    rows = await _existing(session, Pipeline, [loaded.model.identifier for loaded in configuration.pipelines])
    written: list[Written] = []
    for loaded in configuration.pipelines:
        columns = {
            "identifier": loaded.model.identifier,
            "name": loaded.model.name,
            "yaml": loaded.source,
        }
        row, changed = _put(session, Pipeline, rows.get(loaded.model.identifier), columns)
        written.append(Written(loaded.document, "Pipeline", row.id, changed))
    return written


async def _existing(session: AsyncSession, table: type[NamedT], identifiers: Sequence[str]) -> dict[str, NamedT]:
    rows = await session.scalars(sa.select(table).where(col(table.identifier).in_(identifiers)))
    return {row.identifier: row for row in rows}


def _put(session: AsyncSession, table: type[RowT], row: RowT | None, columns: dict[str, Any]) -> tuple[RowT, bool]:
    """Create the row, or change what is different in it; tells whether there was anything to do."""
    if row is None:
        row = table(**columns)
        session.add(row)
        return row, True
    different = {name: value for name, value in columns.items() if getattr(row, name) != value}
    if different and "updated_at" in table.model_fields:
        different["updated_at"] = now()
    for name, value in different.items():
        setattr(row, name, value)
    return row, bool(different)


async def _environment_ids(session: AsyncSession) -> dict[str, str]:
    rows = await session.execute(sa.select(col(Environment.identifier), col(Environment.id)))
    return dict(rows.all())
