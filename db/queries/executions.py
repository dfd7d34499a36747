"""Which executions ran, of which pipeline, service or environment. Big columns are read by who asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from db.queries.byid import rows_by, values_by_id
from db.queries.columns import columns_of
from db.queries.grouping import grouped
from db.queries.listing import Listing, Search, SortKey
from db.statuses import ACTIVE_EXECUTIONS, EventType, ExecutionKind, ExecutionStatus, RollbackStatus
from db.tables import Environment, Event, Execution, Pipeline, Service, Stage


class ExecutionRow(NamedTuple):
    id: str
    kind: ExecutionKind
    sequence_id: int
    pipeline_id: str
    status: ExecutionStatus
    rollback_status: RollbackStatus
    triggered_by: str
    reason: str | None
    original_execution_id: str | None
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ExecutionsOf(StrEnum):
    """Under which parent executions are listed."""

    SERVICE = "SERVICE"
    PIPELINE = "PIPELINE"


@dataclass(frozen=True)
class Executions:
    """The executions that satisfy everything given, newest first.

    With a service and an environment, one and the same stage must be about both.
    """

    of: ExecutionsOf | None = None
    pipeline_identifier: str | None = None
    service_identifier: str | None = None
    environment_identifier: str | None = None
    kind: ExecutionKind | None = None
    status: ExecutionStatus | None = None
    ids: tuple[str, ...] | None = None

    def listing(self) -> Listing[ExecutionRow]:
        identity = col(Execution.id)
        order = SortKey(identity, "id", str, descending=True)
        search, by_stage = _search(self)
        parents: tuple[sa.SQLColumnExpression[Any], ...] = ()
        if self.of is not None:
            service = self.of is ExecutionsOf.SERVICE
            parents = (col(Stage.service_id if service else Execution.pipeline_id),)
        return Listing(
            name="executions",
            row=ExecutionRow,
            columns=columns_of(Execution, ExecutionRow),
            identity=(identity,),
            search=search,
            order=(replace(order, found=col(Stage.execution_id)) if by_stage else order,),
            parents=parents,
            distinct=by_stage,
        )


def _search(executions: Executions) -> tuple[Search, bool]:
    """The search, and whether it goes by stages: then it walks only what concerns the service or environment."""
    of_stage = _stage_conditions(executions)
    of_execution = _execution_conditions(executions)
    by_stage = bool(of_stage) or executions.of is ExecutionsOf.SERVICE
    if not by_stage:
        return sa.select(col(Execution.id)).where(*of_execution), False
    search = sa.select(col(Stage.execution_id)).where(*of_stage)
    if of_execution or executions.of is ExecutionsOf.PIPELINE:
        same = col(Execution.id) == col(Stage.execution_id)
        search = search.join(Execution, same).where(*of_execution)
    return search, True


def _stage_conditions(executions: Executions) -> list[sa.SQLColumnExpression[bool]]:
    conditions: list[sa.SQLColumnExpression[bool]] = []
    if executions.service_identifier is not None:
        service = sa.select(col(Service.id)).where(col(Service.identifier) == executions.service_identifier)
        conditions.append(col(Stage.service_id) == service.scalar_subquery())
    if executions.environment_identifier is not None:
        environment = sa.select(col(Environment.id)).where(
            col(Environment.identifier) == executions.environment_identifier
        )
        conditions.append(col(Stage.environment_id) == environment.scalar_subquery())
    return conditions


def _execution_conditions(executions: Executions) -> list[sa.SQLColumnExpression[bool]]:
    conditions: list[sa.SQLColumnExpression[bool]] = []
    if executions.pipeline_identifier is not None:
        pipeline = sa.select(col(Pipeline.id)).where(col(Pipeline.identifier) == executions.pipeline_identifier)
        conditions.append(col(Execution.pipeline_id) == pipeline.scalar_subquery())
    if executions.kind is not None:
        conditions.append(col(Execution.kind) == executions.kind)
    if executions.status is not None:
        conditions.append(col(Execution.status) == executions.status)
    if executions.ids is not None:
        conditions.append(col(Execution.id).in_(executions.ids))
    return conditions


async def overrides_of_executions(
    connection: AsyncConnection, ids: Sequence[str]
) -> list[list[dict[str, Any]] | None]:
    """The reasons that were set aside for each execution; None for none."""
    return await values_by_id(connection, Execution, "overrides", ids)


async def rollbacks_of_executions(
    connection: AsyncConnection, execution_ids: Sequence[str]
) -> list[tuple[ExecutionRow, ...]]:
    """For each execution the attempts to undo it, the newest last."""
    original = col(Execution.original_execution_id)
    statement = (
        sa.select(original, *columns_of(Execution, ExecutionRow))
        .where(original.in_(execution_ids))
        .order_by(col(Execution.id))
    )
    return grouped(await connection.execute(statement), ExecutionRow, execution_ids)


class StatusRow(NamedTuple):
    id: str
    status: ExecutionStatus


async def newest_execution(connection: AsyncConnection) -> str | None:
    """The identifier of the latest execution; later ones sort after it."""
    return (await connection.execute(sa.select(sa.func.max(col(Execution.id))))).scalar_one()


async def statuses_of_active(connection: AsyncConnection) -> list[StatusRow]:
    """The executions that have not finished."""
    statement = sa.select(col(Execution.id), col(Execution.status)).where(
        col(Execution.status).in_(sorted(ACTIVE_EXECUTIONS))
    )
    return [StatusRow(*values) for values in await connection.execute(statement)]


async def statuses_since(
    connection: AsyncConnection, newer_than: str | None, known: Sequence[str]
) -> list[StatusRow]:
    """The status of the known executions and of every one newer than `newer_than`, oldest first."""
    identity = col(Execution.id)
    newer = identity > newer_than if newer_than is not None else sa.true()
    statement = (
        sa.select(identity, col(Execution.status)).where(sa.or_(newer, identity.in_(known))).order_by(identity)
    )
    return [StatusRow(*values) for values in await connection.execute(statement)]


async def executions_by_id(connection: AsyncConnection, ids: Sequence[str]) -> list[ExecutionRow | None]:
    return await rows_by(connection, Execution, ExecutionRow, "id", ids)


async def status_reasons_of_executions(connection: AsyncConnection, ids: Sequence[str]) -> list[str | None]:
    """Of each execution, the last reason that was given for a status of it; not why somebody asked for it."""
    rows = await connection.execute(_STATUS_REASONS, {"ids": ids})
    found: dict[str, str | None] = {row[0]: row[1] for row in rows}
    return [found.get(key) for key in ids]


def _last_reason() -> sa.ScalarSelect[str | None]:
    """Of one execution, from its newest event backwards, along the events' primary key."""
    return (
        sa.select(col(Event.message))
        .where(
            col(Event.execution_id) == col(Execution.id),
            col(Event.type) == EventType.EXECUTION_STATUS_CHANGED,
            col(Event.status) != ExecutionStatus.QUEUED.value,
            col(Event.message).is_not(None),
        )
        .order_by(col(Event.sequence).desc())
        .limit(1)
        .correlate(Execution)
        .scalar_subquery()
    )


_STATUS_REASONS = sa.select(col(Execution.id), _last_reason()).where(
    col(Execution.id).in_(sa.bindparam("ids", expanding=True))
)


async def yaml_of_executions(connection: AsyncConnection, ids: Sequence[str]) -> list[str]:
    """The YAML of each execution, frozen when it began."""
    return await values_by_id(connection, Execution, "yaml", ids)
