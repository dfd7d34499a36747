"""Which environments, groups and infrastructures exist, and who belongs to whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from db.folding import Folded
from db.queries.byid import rows_by
from db.queries.columns import columns_of
from db.queries.grouping import grouped
from db.queries.listing import Listing, SortKey
from db.queries.services import matches
from db.statuses import EnvironmentType
from db.tables import Environment, EnvironmentGroup, EnvironmentGroupMember, Infrastructure
from providers.values import DeploymentType


class EnvironmentRow(NamedTuple):
    id: str
    identifier: str
    name: str
    type: EnvironmentType


class GroupRow(NamedTuple):
    id: str
    identifier: str
    name: str


class InfrastructureRow(NamedTuple):
    id: str
    identifier: str
    name: str
    environment_id: str
    deployment_type: DeploymentType
    spec: dict[str, Any]


@dataclass(frozen=True)
class Environments:
    """The environments that satisfy everything given, by name."""

    search: str | None = None
    type: EnvironmentType | None = None

    def listing(self) -> Listing[EnvironmentRow]:
        identity = col(Environment.id)
        search = sa.select(identity)
        if self.search:
            search = search.where(matches(self.search, col(Environment.name), col(Environment.identifier)))
        if self.type is not None:
            search = search.where(col(Environment.type) == self.type)
        order = (SortKey(col(Environment.name), "name", str, folded=True), SortKey(identity, "id", str))
        columns = columns_of(Environment, EnvironmentRow)
        return Listing("environments", EnvironmentRow, columns, (identity,), search, order)


@dataclass(frozen=True)
class EnvironmentGroups:
    """All environment groups, by name."""

    def listing(self) -> Listing[GroupRow]:
        identity = col(EnvironmentGroup.id)
        order = (SortKey(col(EnvironmentGroup.name), "name", str, folded=True), SortKey(identity, "id", str))
        columns = columns_of(EnvironmentGroup, GroupRow)
        return Listing("environment_groups", GroupRow, columns, (identity,), sa.select(identity), order)


async def groups_of_environments(
    connection: AsyncConnection, environment_ids: Sequence[str]
) -> list[tuple[GroupRow, ...]]:
    """For each environment the groups it is in, by name."""
    member = col(EnvironmentGroupMember.environment_id)
    statement = (
        sa.select(member, *columns_of(EnvironmentGroup, GroupRow))
        .join(EnvironmentGroup, col(EnvironmentGroup.id) == col(EnvironmentGroupMember.group_id))
        .where(member.in_(environment_ids))
        .order_by(Folded(col(EnvironmentGroup.name)), col(EnvironmentGroup.id))
    )
    return grouped(await connection.execute(statement), GroupRow, environment_ids)


async def environments_of_groups(
    connection: AsyncConnection, group_ids: Sequence[str]
) -> list[tuple[EnvironmentRow, ...]]:
    """For each group its environments in their configured order."""
    group = col(EnvironmentGroupMember.group_id)
    statement = (
        sa.select(group, *columns_of(Environment, EnvironmentRow))
        .join(EnvironmentGroupMember, col(Environment.id) == col(EnvironmentGroupMember.environment_id))
        .where(group.in_(group_ids))
        .order_by(col(EnvironmentGroupMember.position), col(Environment.id))
    )
    return grouped(await connection.execute(statement), EnvironmentRow, group_ids)


async def infrastructures_of_environments(
    connection: AsyncConnection, environment_ids: Sequence[str]
) -> list[tuple[InfrastructureRow, ...]]:
    """For each environment its infrastructures, by name."""
    environment = col(Infrastructure.environment_id)
    statement = (
        sa.select(environment, *columns_of(Infrastructure, InfrastructureRow))
        .where(environment.in_(environment_ids))
        .order_by(Folded(col(Infrastructure.name)), col(Infrastructure.id))
    )
    return grouped(await connection.execute(statement), InfrastructureRow, environment_ids)


async def all_environments(connection: AsyncConnection) -> list[EnvironmentRow]:
    """Every environment, by name."""
    statement = sa.select(*columns_of(Environment, EnvironmentRow)).order_by(
        Folded(col(Environment.name)), col(Environment.id)
    )
    return [EnvironmentRow(*row) for row in await connection.execute(statement)]


async def environments_by_id(connection: AsyncConnection, ids: Sequence[str]) -> list[EnvironmentRow | None]:
    return await rows_by(connection, Environment, EnvironmentRow, "id", ids)


async def environments_by_identifier(
    connection: AsyncConnection, identifiers: Sequence[str]
) -> list[EnvironmentRow | None]:
    return await rows_by(connection, Environment, EnvironmentRow, "identifier", identifiers)


async def groups_by_id(connection: AsyncConnection, ids: Sequence[str]) -> list[GroupRow | None]:
    return await rows_by(connection, EnvironmentGroup, GroupRow, "id", ids)


async def infrastructures_by_id(connection: AsyncConnection, ids: Sequence[str]) -> list[InfrastructureRow | None]:
    return await rows_by(connection, Infrastructure, InfrastructureRow, "id", ids)
