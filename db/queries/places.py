"""Places: a service in an environment, over all its infrastructures. A row of the dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased
from sqlmodel import col

from db.folding import Folded
from db.queries.columns import columns_of
from db.queries.environments import InfrastructureRow
from db.queries.executions import ExecutionRow
from db.queries.grouping import grouped
from db.queries.keys import KeyTable, distinct_keys, key_table
from db.statuses import RollbackStatus, StageStatus
from db.tables import Execution, Infrastructure, Instance, Stage, Target

Place = tuple[str, str]


class PlaceRow(NamedTuple):
    service_id: str
    environment_id: str
    last_deployed_at: datetime | None


class DeployedStageRow(NamedTuple):
    stage_id: str
    execution_id: str


class CurrentStageRow(NamedTuple):
    rollback_status: RollbackStatus


async def places_of_services(
    connection: AsyncConnection, service_ids: Sequence[str]
) -> list[tuple[PlaceRow, ...]]:
    """For each service where it runs, the newest deployment first."""
    return await _places(connection, col(Target.service_id), service_ids)


async def places_of_environments(
    connection: AsyncConnection, environment_ids: Sequence[str]
) -> list[tuple[PlaceRow, ...]]:
    """For each environment what runs there, the newest deployment first."""
    return await _places(connection, col(Target.environment_id), environment_ids)


async def _places(
    connection: AsyncConnection, parent: sa.SQLColumnExpression[str], keys: Sequence[str]
) -> list[tuple[PlaceRow, ...]]:
    place = (col(Target.service_id), col(Target.environment_id))
    deployed = sa.func.max(col(Target.last_deployed_at))
    statement = (
        sa.select(parent, *place, deployed)
        .where(parent.in_(keys))
        .group_by(*place)
        .order_by(deployed.desc().nulls_last(), *place)
    )
    return grouped(await connection.execute(statement), PlaceRow, keys)


async def counts_by_place(connection: AsyncConnection, places: Sequence[Place]) -> list[int]:
    """How many live instances each place has."""
    keys = key_table(places, connection.dialect.name == "sqlite")
    here = (col(Instance.service_id) == keys.part(0), col(Instance.environment_id) == keys.part(1))
    counted = sa.select(sa.func.count()).where(*here, col(Instance.removed_at).is_(None))
    statement = (
        sa.select(counted.correlate(keys.source).scalar_subquery())
        .select_from(keys.source)
        .order_by(keys.position)
    )
    return list((await connection.execute(statement)).scalars())


async def last_executions_by_place(
    connection: AsyncConnection, places: Sequence[Place]
) -> list[ExecutionRow | None]:
    """The latest execution with a stage in each place, whatever its end."""
    keys = key_table(places, connection.dialect.name == "sqlite")
    here = (col(Stage.service_id) == keys.part(0), col(Stage.environment_id) == keys.part(1))
    latest = sa.select(col(Stage.execution_id)).where(*here).order_by(col(Stage.execution_id).desc()).limit(1)
    statement = (
        sa.select(keys.position, *columns_of(Execution, ExecutionRow))
        .select_from(keys.source)
        .join(Execution, col(Execution.id) == latest.correlate(keys.source).scalar_subquery())
    )
    found = {position: ExecutionRow(*values) for position, *values in await connection.execute(statement)}
    return [found.get(position) for position in _positions(keys, len(places))]


async def infrastructures_by_place(
    connection: AsyncConnection, places: Sequence[Place]
) -> list[tuple[InfrastructureRow, ...]]:
    """The infrastructures on which each place has a target, by name."""
    keys = distinct_keys(places, connection.dialect.name == "sqlite")
    statement = (
        sa.select(*_PLACE, *columns_of(Infrastructure, InfrastructureRow))
        .select_from(keys.source)
        .join(Target, _at(keys))
        .join(Infrastructure, col(Infrastructure.id) == col(Target.infrastructure_id))
        .order_by(Folded(col(Infrastructure.name)), col(Infrastructure.id))
    )
    return grouped(await connection.execute(statement), InfrastructureRow, places, width=2)


async def current_stages_by_place(
    connection: AsyncConnection, places: Sequence[Place]
) -> list[tuple[CurrentStageRow, ...]]:
    """The rollback status of the stage that each of a place's targets stands at.

    Where a deployment failed on the way to another one, that is the most recent one that succeeded: the one that a
    rollback is about.
    """
    keys = distinct_keys(places, connection.dialect.name == "sqlite")
    deployed = aliased(Stage)
    is_deployment, shown = col(Stage.original_stage_id).is_(None), col(Stage.rollback_status)
    failed = sa.and_(is_deployment, col(Stage.status).in_((StageStatus.FAILED, StageStatus.ABORTED)))
    status = sa.case((failed, sa.func.coalesce(col(deployed.rollback_status), shown)), else_=shown)
    statement = (
        sa.select(*_PLACE, status)
        .select_from(keys.source)
        .join(Target, _at(keys))
        .join(Stage, col(Stage.id) == col(Target.current_stage_id))
        .outerjoin(deployed, col(deployed.id) == col(Target.deployed_stage_id))
    )
    return grouped(await connection.execute(statement), CurrentStageRow, places, width=2)


async def deployed_stages_by_place(
    connection: AsyncConnection, places: Sequence[Place]
) -> list[tuple[DeployedStageRow, ...]]:
    """The stages of the most recent successful deployment of each of a place's targets."""
    keys = distinct_keys(places, connection.dialect.name == "sqlite")
    statement = (
        sa.select(*_PLACE, col(Stage.id), col(Stage.execution_id))
        .select_from(keys.source)
        .join(Target, _at(keys))
        .join(Stage, col(Stage.id) == col(Target.deployed_stage_id))
        .order_by(col(Stage.id))
    )
    return grouped(await connection.execute(statement), DeployedStageRow, places, width=2)


_PLACE = (col(Target.service_id), col(Target.environment_id))


def _at(keys: KeyTable) -> sa.SQLColumnExpression[bool]:
    return sa.and_(_PLACE[0] == keys.part(0), _PLACE[1] == keys.part(1))


def _positions(keys: KeyTable, count: int) -> range:
    first = 0 if keys.is_sqlite else 1
    return range(first, first + count)
