"""Which instances live now, and how many of what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from db.queries.artifacts import artifact_matches, live_artifacts
from db.queries.byid import rows_by
from db.queries.columns import columns_of
from db.queries.grouping import grouped
from db.queries.keys import distinct_keys, key_table
from db.queries.listing import Listing, SortKey
from db.statuses import RollbackStatus
from db.tables import Environment, Infrastructure, Instance, Service, Stage
from providers.values import DeploymentType, InstanceHealth


class InstanceRow(NamedTuple):
    id: str
    service_id: str
    environment_id: str
    infrastructure_id: str
    key: str
    display_name: str
    image: str | None
    tag: str | None
    digest: str | None
    revision: str | None
    health: InstanceHealth
    execution_id: str | None
    stage_id: str | None
    deployed_at: datetime | None
    deployed_by: str | None
    seen_at: datetime
    removed_at: datetime | None


class ArtifactCountRow(NamedTuple):
    display_name: str
    image: str | None
    tag: str | None
    digest: str | None
    revision: str | None
    instances: int


class DetailsRow(NamedTuple):
    deployment_type: DeploymentType
    details: dict[str, Any]


class InstancesOf(StrEnum):
    """Under which parent instances are listed; PLACE is a (service, environment)."""

    SERVICE = "SERVICE"
    ENVIRONMENT = "ENVIRONMENT"
    PLACE = "PLACE"


_LIVE = col(Instance.removed_at).is_(None)
_PARENTS = {
    None: (),
    InstancesOf.SERVICE: (col(Instance.service_id),),
    InstancesOf.ENVIRONMENT: (col(Instance.environment_id),),
    InstancesOf.PLACE: (col(Instance.service_id), col(Instance.environment_id)),
}


@dataclass(frozen=True)
class Instances:
    """The live instances that satisfy everything given, in the order in which they were first seen.

    `artifact` is part of a display name or image, or a whole tag or digest.
    """

    of: InstancesOf | None = None
    service_identifier: str | None = None
    environment_identifier: str | None = None
    infrastructure_identifier: str | None = None
    artifact: str | None = None
    rollback_status: RollbackStatus | None = None

    def listing(self) -> Listing[InstanceRow]:
        identity = col(Instance.id)
        return Listing(
            name="instances",
            row=InstanceRow,
            columns=columns_of(Instance, InstanceRow),
            identity=(identity,),
            search=sa.select(identity).where(_LIVE, *_conditions(self)),
            order=(SortKey(identity, "id", str),),
            parents=_PARENTS[self.of],
        )


def _conditions(instances: Instances) -> list[sa.SQLColumnExpression[bool]]:
    conditions: list[sa.SQLColumnExpression[bool]] = []
    if instances.service_identifier is not None:
        service = sa.select(col(Service.id)).where(col(Service.identifier) == instances.service_identifier)
        conditions.append(col(Instance.service_id) == service.scalar_subquery())
    if instances.environment_identifier is not None:
        environment = sa.select(col(Environment.id)).where(
            col(Environment.identifier) == instances.environment_identifier
        )
        conditions.append(col(Instance.environment_id) == environment.scalar_subquery())
    if instances.infrastructure_identifier is not None:
        infrastructure = sa.select(col(Infrastructure.id)).where(
            col(Infrastructure.identifier) == instances.infrastructure_identifier
        )
        around = sa.select(col(Infrastructure.environment_id)).where(
            col(Infrastructure.identifier) == instances.infrastructure_identifier
        )
        conditions += [
            col(Instance.infrastructure_id).in_(infrastructure),
            col(Instance.environment_id).in_(around),
        ]
    if instances.artifact:
        conditions.append(_running(instances, instances.artifact))
    if instances.rollback_status is not None:
        conditions.append(_in_rollback_status(instances.rollback_status))
    return conditions


def _running(instances: Instances, text: str) -> sa.SQLColumnExpression[bool]:
    """By the artifacts that match, but where a service leaves few instances, one by one."""
    artifact = col(Instance.artifact)
    few = instances.service_identifier is not None or instances.of in (InstancesOf.SERVICE, InstancesOf.PLACE)
    return artifact_matches(artifact, text) if few else artifact.in_(live_artifacts(text))


def _in_rollback_status(status: RollbackStatus) -> sa.SQLColumnExpression[bool]:
    in_it = col(Stage.rollback_status) == status
    if status is RollbackStatus.NOT_STARTED:
        # That is nearly all of the history, which takes longer to read than to look at each instance's stage.
        return sa.exists().where(col(Stage.id) == col(Instance.stage_id), in_it)
    having = col(Instance.stage_id).in_(sa.select(col(Stage.id)).where(in_it))
    return sa.or_(having, col(Instance.stage_id).is_(None)) if status is RollbackStatus.UNAVAILABLE else having


async def counts_by_service(connection: AsyncConnection, service_ids: Sequence[str]) -> list[int]:
    """How many live instances each service has."""
    keys = key_table([(service_id,) for service_id in service_ids], connection.dialect.name == "sqlite")
    of_service = (col(Instance.service_id) == keys.part(0), _LIVE)
    counted = sa.select(sa.func.count()).select_from(Instance).where(*of_service).correlate(keys.source)
    statement = sa.select(counted.scalar_subquery()).select_from(keys.source).order_by(keys.position)
    return list((await connection.execute(statement)).scalars())


async def artifacts_by_place(
    connection: AsyncConnection, places: Sequence[tuple[str, str]]
) -> list[tuple[ArtifactCountRow, ...]]:
    """For each (service, environment) what its live instances run, the most frequent first."""
    keys = distinct_keys(places, connection.dialect.name == "sqlite")
    place = (col(Instance.service_id), col(Instance.environment_id))
    artifact = [getattr(Instance, name) for name in ArtifactCountRow._fields[:-1]]
    statement = (
        sa.select(*place, *artifact, sa.func.count().label("instances"))
        .select_from(keys.source)
        .join(Instance, sa.and_(place[0] == keys.part(0), place[1] == keys.part(1)))
        .where(_LIVE)
        .group_by(*place, *artifact)
        .order_by(sa.desc("instances"), col(Instance.display_name))
    )
    return grouped(await connection.execute(statement), ArtifactCountRow, places, width=2)


async def details_of_instances(
    connection: AsyncConnection, instance_ids: Sequence[str]
) -> list[DetailsRow | None]:
    """What each instance's platform shows of it, with the deployment type that tells how to read it."""
    identity = col(Instance.id)
    statement = (
        sa.select(identity, col(Infrastructure.deployment_type), col(Instance.details))
        .join(Infrastructure, col(Infrastructure.id) == col(Instance.infrastructure_id))
        .where(identity.in_(instance_ids))
    )
    found = {row[0]: DetailsRow(row[1], row[2]) for row in await connection.execute(statement)}
    return [found.get(key) for key in instance_ids]


async def rollback_statuses_of_stages(
    connection: AsyncConnection, stage_ids: Sequence[str]
) -> list[RollbackStatus]:
    """The rollback status of each stage; UNAVAILABLE for one that is not there."""
    statement = sa.select(col(Stage.id), col(Stage.rollback_status)).where(col(Stage.id).in_(stage_ids))
    found = {row[0]: row[1] for row in await connection.execute(statement)}
    return [found.get(key, RollbackStatus.UNAVAILABLE) for key in stage_ids]


async def instances_by_id(connection: AsyncConnection, ids: Sequence[str]) -> list[InstanceRow | None]:
    """Each instance, also one that is gone."""
    return await rows_by(connection, Instance, InstanceRow, "id", ids)
