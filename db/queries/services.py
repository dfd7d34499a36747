"""Which services exist, filtered and in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from db.queries.byid import rows_by
from db.queries.columns import columns_of
from db.queries.listing import Listing, SortKey
from db.tables import Environment, Service, Target
from providers.values import DeploymentType


class ServiceRow(NamedTuple):
    id: str
    identifier: str
    name: str
    description: str | None
    tags: dict[str, str]
    deployment_type: DeploymentType
    last_deployed_at: datetime | None


class ServiceOrderField(StrEnum):
    NAME = "NAME"
    LAST_DEPLOYED_AT = "LAST_DEPLOYED_AT"


@dataclass(frozen=True)
class Services:
    """The services that satisfy everything given. `tags` must all be carried with these values."""

    search: str | None = None
    deployment_type: DeploymentType | None = None
    environment_identifier: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    order: ServiceOrderField = ServiceOrderField.NAME
    descending: bool = False

    def listing(self) -> Listing[ServiceRow]:
        identity = col(Service.id)
        return Listing(
            name=f"services.{self.order}.{'desc' if self.descending else 'asc'}",
            row=ServiceRow,
            columns=columns_of(Service, ServiceRow),
            identity=(identity,),
            search=sa.select(identity).where(*_conditions(self)),
            order=(_first_term(self), SortKey(identity, "id", str, self.descending)),
        )


def _first_term(services: Services) -> SortKey:
    if services.order is ServiceOrderField.NAME:
        return SortKey(col(Service.name), "name", str, services.descending, folded=True)
    return SortKey(col(Service.last_deployed_at), "last_deployed_at", datetime, services.descending, nullable=True)


def _conditions(services: Services) -> list[sa.SQLColumnExpression[bool]]:
    conditions: list[sa.SQLColumnExpression[bool]] = []
    if services.search:
        conditions.append(matches(services.search, col(Service.name), col(Service.identifier)))
    if services.deployment_type is not None:
        conditions.append(col(Service.deployment_type) == services.deployment_type)
    if services.environment_identifier is not None:
        environment = sa.select(col(Environment.id)).where(
            col(Environment.identifier) == services.environment_identifier
        )
        deployed = sa.select(col(Target.service_id)).where(
            col(Target.environment_id) == environment.scalar_subquery()
        )
        conditions.append(col(Service.id).in_(deployed))
    tags = sa.type_coerce(col(Service.tags), sa.JSON())
    conditions.extend(tags[name].as_string() == value for name, value in services.tags)
    return conditions


def matches(search: str, *columns: sa.SQLColumnExpression[str | None]) -> sa.SQLColumnExpression[bool]:
    """Any of the columns contains the text, case ignored and wildcards taken literally."""
    return sa.or_(*(column.icontains(search, autoescape=True) for column in columns))


async def services_by_id(connection: AsyncConnection, ids: Sequence[str]) -> list[ServiceRow | None]:
    return await rows_by(connection, Service, ServiceRow, "id", ids)


async def services_by_identifier(
    connection: AsyncConnection, identifiers: Sequence[str]
) -> list[ServiceRow | None]:
    return await rows_by(connection, Service, ServiceRow, "identifier", identifiers)
