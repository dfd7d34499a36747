"""The journal: each status change, its event and its sequence number in the caller's one transaction.

Status moves only forward: an update names the legal predecessors and must hit exactly one row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from db.columns import now
from db.queries.columns import table_of
from db.statuses import (
    FINISHED_EXECUTIONS,
    FINISHED_STAGES,
    FINISHED_STEPS,
    LEGAL_EXECUTION,
    LEGAL_STAGE,
    LEGAL_STEP,
    EventType,
    ExecutionStatus,
    StageStatus,
    StepStatus,
)
from db.tables import Event, Execution, Stage, Step
from providers.values import Progress

_REASON_LIMIT = 4000
# Made once: to build these statements takes longer than to run them.
_EXECUTIONS = table_of(Execution)
_COUNT = (
    sa.update(_EXECUTIONS)
    .where(_EXECUTIONS.c.id == sa.bindparam("execution"))
    .values(last_sequence=_EXECUTIONS.c.last_sequence + 1)
    .returning(_EXECUTIONS.c.last_sequence)
)
_WRITE = sa.insert(table_of(Event))
_NO_DETAILS = dict.fromkeys(("stage_id", "step_id", "status", "message", "ready", "desired"))
_StatusT = TypeVar("_StatusT", bound=StrEnum)


class IllegalTransition(Exception):
    """A status change that the table of legal transitions does not know; nothing was written."""


async def append(session: AsyncSession, execution_id: str, event_type: EventType, **fields: Any) -> int:
    """Append one event and return its sequence; the row lock on the execution keeps sequences without gaps."""
    counted = await session.execute(_COUNT, {"execution": execution_id})
    sequence: int = counted.scalar_one()
    await _write(session, execution_id, sequence, event_type, **fields)
    return sequence


async def move_execution(
    session: AsyncSession,
    execution_id: str,
    status: ExecutionStatus,
    reason: str | None = None,
) -> None:
    """Move an execution to `status` and journal it."""
    if not await _moved_execution(session, execution_id, status, LEGAL_EXECUTION[status], reason):
        raise _illegal(Execution, execution_id, status)


async def begin_execution(session: AsyncSession, execution_id: str) -> None:
    """Move an execution to RUNNING with its first stage; the stages after it find that done."""
    await _moved_execution(session, execution_id, ExecutionStatus.RUNNING, (ExecutionStatus.QUEUED,))


async def verify_execution(session: AsyncSession, execution_id: str) -> None:
    """Move an execution to VERIFYING if no stage has steps left to run; one that is to stop stays ABORTING."""
    busy = sa.select(col(Stage.id)).where(
        col(Stage.execution_id) == execution_id,
        col(Stage.status).in_((StageStatus.PENDING, StageStatus.RUNNING)),
    )
    if (await session.execute(busy.limit(1))).first() is None:
        await _moved_execution(session, execution_id, ExecutionStatus.VERIFYING, (ExecutionStatus.RUNNING,))


async def move_stage(
    session: AsyncSession,
    execution_id: str,
    stage_id: str,
    status: StageStatus,
    reason: str | None = None,
    **changes: Any,
) -> None:
    """Move a stage to `status` and journal it."""
    changes |= _timestamps(status is StageStatus.RUNNING, status in FINISHED_STAGES)
    changes["status_reason"] = _bounded(reason)
    await _move(session, Stage, stage_id, status, LEGAL_STAGE, changes)
    await append(
        session,
        execution_id,
        EventType.STAGE_STATUS_CHANGED,
        stage_id=stage_id,
        status=status,
        message=_bounded(reason),
    )


async def move_step(
    session: AsyncSession,
    execution_id: str,
    stage_id: str,
    step_id: str,
    status: StepStatus,
    reason: str | None = None,
    **changes: Any,
) -> None:
    """Move a step to `status` and journal it."""
    changes |= _timestamps(status is StepStatus.RUNNING, status in FINISHED_STEPS)
    changes["status_reason"] = _bounded(reason)
    await _move(session, Step, step_id, status, LEGAL_STEP, changes)
    await append(
        session,
        execution_id,
        EventType.STEP_STATUS_CHANGED,
        stage_id=stage_id,
        step_id=step_id,
        status=status,
        message=_bounded(reason),
    )


async def progressed(
    session: AsyncSession, execution_id: str, stage_id: str, step_id: str, progress: Progress
) -> bool:
    """Journal what a platform reports, unless it is what the step reported last. True where it was new."""
    last = (
        await session.execute(
            sa.select(col(Event.message), col(Event.ready), col(Event.desired))
            .where(
                col(Event.execution_id) == execution_id,
                col(Event.step_id) == step_id,
                col(Event.type) == EventType.STEP_PROGRESSED,
            )
            .order_by(col(Event.sequence).desc())
            .limit(1)
        )
    ).first()
    message = _bounded(progress.message)
    if last is not None and tuple(last) == (message, progress.ready, progress.desired):
        return False
    await append(
        session,
        execution_id,
        EventType.STEP_PROGRESSED,
        stage_id=stage_id,
        step_id=step_id,
        message=message,
        ready=progress.ready,
        desired=progress.desired,
    )
    return True


async def _moved_execution(
    session: AsyncSession,
    execution_id: str,
    status: ExecutionStatus,
    before: Sequence[ExecutionStatus],
    reason: str | None = None,
) -> bool:
    """Move an execution that is in one of the statuses `before`; the same update counts its event."""
    moved = await session.execute(
        sa.update(_EXECUTIONS)
        .where(_EXECUTIONS.c.id == execution_id, _EXECUTIONS.c.status.in_(before))
        .values(
            status=status,
            last_sequence=_EXECUTIONS.c.last_sequence + 1,
            **_timestamps(status is ExecutionStatus.RUNNING, status in FINISHED_EXECUTIONS),
        )
        .returning(_EXECUTIONS.c.last_sequence)
    )
    sequence: int | None = moved.scalar_one_or_none()
    if sequence is None:
        return False
    event_type = EventType.EXECUTION_STATUS_CHANGED
    await _write(session, execution_id, sequence, event_type, status=status, message=_bounded(reason))
    return True


async def _write(
    session: AsyncSession, execution_id: str, sequence: int, event_type: EventType, **fields: Any
) -> None:
    event = {"execution_id": execution_id, "sequence": sequence, "type": event_type}
    await session.execute(_WRITE, _NO_DETAILS | event | fields)


async def _move(
    session: AsyncSession,
    model: type[Stage] | type[Step],
    row_id: str,
    status: _StatusT,
    legal: Mapping[_StatusT, tuple[_StatusT, ...]],
    changes: dict[str, Any],
) -> None:
    table = table_of(model)
    moved = await session.execute(
        sa.update(table)
        .where(table.c.id == row_id, table.c.status.in_(legal[status]))
        .values(status=status, **changes)
        .returning(table.c.id)
    )
    if moved.first() is None:
        raise _illegal(model, row_id, status)


def _illegal(table: type[SQLModel], row_id: str, status: StrEnum) -> IllegalTransition:
    return IllegalTransition(f"{table.__name__} {row_id} cannot become {status}")


def _timestamps(starts: bool, finishes: bool) -> dict[str, Any]:
    at = now()
    return ({"started_at": at} if starts else {}) | ({"finished_at": at} if finishes else {})


def _bounded(reason: str | None) -> str | None:
    return reason if reason is None or len(reason) <= _REASON_LIMIT else reason[: _REASON_LIMIT - 1] + "…"
