"""Accepts an execution within the caller's transaction: locks, execution, stages, steps and the first event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import id_after, new_id
from db.queries.executions import newest_execution
from db.statuses import EventType, ExecutionKind, ExecutionStatus
from db.tables import Environment, Execution, ExecutionTarget, Infrastructure, Pipeline, Service, Target
from pipelines import journal
from pipelines.placing import Placed
from pipelines.rows import stage_row, step_rows
from pipelines.scope import Reader


@dataclass(frozen=True)
class Accepted:
    """An execution with its placed stages and the targets it holds until it ends."""

    execution: Execution
    stages: tuple[Placed, ...]
    targets: frozenset[str]


@dataclass(frozen=True)
class BusyTarget:
    """A target that another execution holds."""

    target_id: str
    execution_id: str
    message: str


async def accept(session: AsyncSession, accepted: Accepted) -> None:
    """Write everything; the unique indexes refuse (IntegrityError) what the checks before have explained."""
    execution = accepted.execution
    session.add(execution)
    await session.flush()
    session.add_all(ExecutionTarget(execution_id=execution.id, target_id=target) for target in accepted.targets)
    undoing = execution.kind is ExecutionKind.ROLLBACK
    for ordinal, placed in enumerate(accepted.stages):
        row = stage_row(
            execution.id,
            ordinal,
            placed.stage,
            service_id=placed.service_id,
            environment_id=placed.environment_id,
            infrastructure_id=placed.infrastructure_id,
            resolved=None if undoing else placed.resolved.as_json(),
            artifact=placed.artifact.as_json() if placed.artifact else None,
            previous_artifact=placed.previous_artifact.as_json() if placed.previous_artifact else None,
            rollback_status=placed.rollback_status,
        )
        session.add(row)
        session.add_all(step_rows(placed.stage, undoing=undoing))
    await session.flush()
    await journal.append(
        session,
        execution.id,
        EventType.EXECUTION_STATUS_CHANGED,
        status=ExecutionStatus.QUEUED,
        message=execution.reason,
    )


async def next_execution_id(session: AsyncSession) -> str:
    """A new identifier that sorts after every other one: it tells which deployment of a target is the newer one.

    Where a clock was set back, or this server's is behind another's, the moment in it is that of the latest one.
    """
    fresh, latest = new_id(), await newest_execution(await session.connection())
    return fresh if latest is None or fresh > latest else id_after(latest, fresh)


async def pipeline_by_identifier(session: AsyncSession, identifier: str) -> Pipeline | None:
    found = await session.execute(sa.select(Pipeline).where(col(Pipeline.identifier) == identifier))
    return found.scalar_one_or_none()


async def next_sequence(session: AsyncSession, pipeline_id: str) -> int:
    """The number of the pipeline's next execution; the row lock makes it unique."""
    return (
        await session.execute(
            sa.update(Pipeline)
            .where(col(Pipeline.id) == pipeline_id)
            .values(last_sequence=col(Pipeline.last_sequence) + 1)
            .returning(col(Pipeline.last_sequence))
        )
    ).scalar_one()


async def busy_targets(reader: Reader, targets: Sequence[str]) -> list[BusyTarget]:
    """Those of the targets that another execution holds at this moment."""
    rows = await reader.execute(
        sa.select(
            col(ExecutionTarget.target_id),
            col(ExecutionTarget.execution_id),
            col(Execution.kind),
            col(Execution.sequence_id),
            sa.label("pipeline", col(Pipeline.identifier)),
            sa.label("service", col(Service.identifier)),
            sa.label("environment", col(Environment.identifier)),
            sa.label("infrastructure", col(Infrastructure.identifier)),
        )
        .join(Execution, col(Execution.id) == col(ExecutionTarget.execution_id))
        .join(Pipeline, col(Pipeline.id) == col(Execution.pipeline_id))
        .join(Target, col(Target.id) == col(ExecutionTarget.target_id))
        .join(Service, col(Service.id) == col(Target.service_id))
        .join(Environment, col(Environment.id) == col(Target.environment_id))
        .join(Infrastructure, col(Infrastructure.id) == col(Target.infrastructure_id))
        .where(col(ExecutionTarget.target_id).in_(targets), col(ExecutionTarget.active))
    )
    return [
        BusyTarget(
            row.target_id,
            row.execution_id,
            f"{row.service} in {row.environment} ({row.infrastructure}) is held by {row.kind.lower()} "
            f"#{row.sequence_id} of pipeline {row.pipeline} until it ends.",
        )
        for row in rows
    ]
