"""Whether what belongs together in the database agrees: one question each, answered by what does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased
from sqlmodel import col

from db.statuses import (
    ACTIVE_EXECUTIONS,
    FINISHED_STAGES,
    FINISHED_STEPS,
    EventType,
    ExecutionKind,
    RollbackStatus,
)
from db.tables import (
    Environment,
    Event,
    Execution,
    ExecutionTarget,
    Executor,
    Infrastructure,
    Service,
    Stage,
    Step,
)
from providers.values import DeploymentType

# More of a kind say nothing new.
MOST = 100

# References without a foreign key: they are written before what they name, or stay when it goes.
_UNENFORCED = (
    ("target", "current_stage_id", "stage"),
    ("target", "deployed_stage_id", "stage"),
    ("event", "stage_id", "stage"),
    ("event", "step_id", "step"),
)
_ACTIVE = col(Execution.status).in_(ACTIVE_EXECUTIONS)


class BrokenReference(NamedTuple):
    """So many rows of a table name something in a column that is not there."""

    table: str
    column: str
    referred: str
    rows: int


class EventCount(NamedTuple):
    """Of one execution: what it has counted, how many events there are, and the number of the last one."""

    execution_id: str
    counted: int
    events: int
    last: int


class StatusRow(NamedTuple):
    execution_id: str
    status: str


class ConnectorUse(NamedTuple):
    """The connector that an infrastructure names."""

    infrastructure: str
    environment: str
    deployment_type: DeploymentType
    connector: str | None


class Unlike(NamedTuple):
    """A status that is not the one of the last event about it."""

    execution_id: str
    status: str
    journalled: str | None


class EndRow(NamedTuple):
    id: str
    finished_at: datetime | None


class Claim(NamedTuple):
    """An execution under way whose carrier shows no sign of life; `beaten_at` is None where it ended in order."""

    execution_id: str
    executor_id: str | None
    beaten_at: datetime | None


def references() -> Iterator[tuple[str, str, str]]:
    """(table, column, table that it names), enforced by a foreign key or not."""
    for table in Service.metadata.sorted_tables:
        for key in table.foreign_keys:
            yield table.name, key.parent.name, key.column.table.name
    yield from _UNENFORCED


async def broken_references(connection: AsyncConnection) -> list[BrokenReference]:
    """References to what is not there. PostgreSQL keeps them whole, but not while a dump is loaded."""
    tables = Service.metadata.tables
    found: list[BrokenReference] = []
    for name, column, referred in references():
        child, parent = tables[name].alias("child"), tables[referred].alias("parent")
        (identity,) = tables[referred].primary_key.columns
        value = child.c[column]
        lacking = ~sa.exists().where(parent.c[identity.name] == value)
        query = sa.select(sa.func.count()).select_from(child).where(value.is_not(None), lacking)
        if count := (await connection.execute(query)).scalar_one():
            found.append(BrokenReference(name, column, referred, count))
    return found


async def gaps_in_events(connection: AsyncConnection) -> list[EventCount]:
    """Executions whose events are not numbered 1 to what they have counted."""
    events, last = sa.func.count(col(Event.sequence)), sa.func.coalesce(sa.func.max(col(Event.sequence)), 0)
    counted = col(Execution.last_sequence)
    query = (
        sa.select(col(Execution.id), counted, events, last)
        .join_from(Execution, Event, col(Event.execution_id) == col(Execution.id), isouter=True)
        .group_by(col(Execution.id), counted)
        .having(sa.or_(events != counted, last != counted))
    )
    return [EventCount(*row) for row in await _some(connection, query)]


async def statuses_unlike_the_journal(connection: AsyncConnection) -> list[Unlike]:
    """Executions whose status is not the one that their last event about it says."""
    said = (
        sa.select(col(Event.status))
        .where(
            col(Event.execution_id) == col(Execution.id),
            col(Event.type) == EventType.EXECUTION_STATUS_CHANGED,
        )
        .order_by(col(Event.sequence).desc())
        .limit(1)
        .scalar_subquery()
    )
    status = sa.type_coerce(col(Execution.status), sa.String())
    query = sa.select(col(Execution.id), status, said).where(status.is_distinct_from(said))
    return [Unlike(*row) for row in await _some(connection, query)]


async def ended_with_open_parts(connection: AsyncConnection) -> list[StatusRow]:
    """Executions that have ended although a stage or step of theirs has not, or that do not say when."""
    stages = sa.exists().where(
        col(Stage.execution_id) == col(Execution.id), col(Stage.status).not_in(FINISHED_STAGES)
    )
    steps = sa.exists().where(
        col(Stage.execution_id) == col(Execution.id),
        col(Step.stage_id) == col(Stage.id),
        col(Step.status).not_in(FINISHED_STEPS),
    )
    unfinished = sa.or_(stages, steps, col(Execution.finished_at).is_(None))
    query = sa.select(col(Execution.id), col(Execution.status)).where(~_ACTIVE, unfinished)
    return [StatusRow(*row) for row in await _some(connection, query)]


async def rollbacks_without_end(connection: AsyncConnection) -> list[str]:
    """Executions that are said to be in a rollback which nothing carries out any more."""
    undo = aliased(Execution)
    running = sa.exists().where(
        sa.or_(col(undo.original_execution_id) == col(Execution.id), col(undo.id) == col(Execution.id)),
        col(undo.kind) == ExecutionKind.ROLLBACK,
        col(undo.status).in_(ACTIVE_EXECUTIONS),
    )
    query = sa.select(col(Execution.id)).where(col(Execution.rollback_status) == RollbackStatus.STARTED, ~running)
    return [row[0] for row in await _some(connection, query)]


async def locks_of_ended(connection: AsyncConnection) -> list[tuple[str, str]]:
    """(target, execution) where an execution that has ended still holds a target."""
    query = (
        sa.select(col(ExecutionTarget.target_id), col(ExecutionTarget.execution_id))
        .join(Execution, col(Execution.id) == col(ExecutionTarget.execution_id))
        .where(col(ExecutionTarget.active), ~_ACTIVE)
    )
    return [(row[0], row[1]) for row in await _some(connection, query)]


async def active_without_locks(connection: AsyncConnection) -> list[tuple[str, str]]:
    """(target, execution) where an execution under way does not hold a target that it deploys to."""
    holds = sa.exists().where(
        col(ExecutionTarget.execution_id) == col(Execution.id),
        col(ExecutionTarget.target_id) == col(Stage.target_id),
        col(ExecutionTarget.active),
    )
    query = (
        sa.select(col(Stage.target_id), col(Execution.id))
        .join(Execution, col(Execution.id) == col(Stage.execution_id))
        .where(_ACTIVE, col(Stage.target_id).is_not(None), ~holds)
        .distinct()
    )
    return [(row[0], row[1]) for row in await _some(connection, query)]


async def active_executions(connection: AsyncConnection) -> Sequence[str]:
    """Everything that is under way."""
    return (await connection.scalars(sa.select(col(Execution.id)).where(_ACTIVE))).all()


async def ends_of(connection: AsyncConnection, execution_ids: Sequence[str]) -> list[EndRow]:
    """When each of them ended, None for one that has not; one that is not there is left out."""
    query = sa.select(col(Execution.id), col(Execution.finished_at)).where(col(Execution.id).in_(execution_ids))
    return [EndRow(*row) for row in await connection.execute(query)]


async def claims_without_holder(connection: AsyncConnection, lease: timedelta) -> list[Claim]:
    """On PostgreSQL: what is under way and claimed by no process that has beaten within the lease."""
    beaten = col(Executor.beaten_at)
    query = (
        sa.select(col(Execution.id), col(Execution.executor_id), beaten)
        .join_from(Execution, Executor, col(Executor.id) == col(Execution.executor_id), isouter=True)
        .where(_ACTIVE, sa.or_(beaten.is_(None), beaten < sa.func.clock_timestamp() - lease))
    )
    return [Claim(*row) for row in await _some(connection, query)]


async def _some(connection: AsyncConnection, query: sa.Select[*tuple[Any, ...]]) -> Sequence[Any]:
    return (await connection.execute(query.limit(MOST))).all()


async def connectors_used(connection: AsyncConnection) -> list[ConnectorUse]:
    """Of every infrastructure, in the order of their environments."""
    named = col(Infrastructure.spec)["connectorRef"].as_string()
    rows = await connection.execute(
        sa.select(
            col(Infrastructure.identifier), col(Environment.identifier), col(Infrastructure.deployment_type), named
        )
        .join(Environment, col(Environment.id) == col(Infrastructure.environment_id))
        .order_by(col(Environment.identifier), col(Infrastructure.identifier))
    )
    return [ConnectorUse(*row) for row in rows]
