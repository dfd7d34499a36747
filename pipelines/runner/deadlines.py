"""Until when a step may try: its own, its stage's and the pipeline's timeout."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import now
from db.tables import Execution, Stage
from pipelines.plan import PlannedStage
from pipelines.runner.work import Work

_NEVER = datetime.max.replace(tzinfo=UTC)
_RECOVERY_GRACE = 30.0


def seconds_until(deadline: datetime, timeout: float) -> float:
    """What is left until the deadline of a try; where an outage ate all of it, still enough for one look.

    Never more than its `timeout`: the clock may have been set back since the deadline was recorded.
    """
    left = (deadline - now()).total_seconds()
    return min(timeout, left if left > 0 else _RECOVERY_GRACE)


async def deadline_of_try(
    session: AsyncSession, work: Work, stage: PlannedStage, seconds: float, *, undoing: bool
) -> datetime | None:
    """Until when a try that may last `seconds` may go on; None where the stage's or pipeline's time is over.

    The time that a deployment used up is not taken from the steps that roll it back.
    """
    at = now()
    deadline = at + timedelta(seconds=seconds)
    if work.is_rollback or not undoing:
        deadline = min(deadline, await _outer_deadline(session, work, stage))
    return deadline if deadline > at else None


async def _outer_deadline(session: AsyncSession, work: Work, stage: PlannedStage) -> datetime:
    """The earlier of the stage's and the pipeline's deadline."""
    if stage.timeout is None and work.plan.timeout is None:
        return _NEVER
    row = (
        await session.execute(
            sa.select(sa.label("stage", col(Stage.started_at)), sa.label("execution", col(Execution.started_at)))
            .join(Execution, col(Execution.id) == col(Stage.execution_id))
            .where(col(Stage.id) == stage.id)
        )
    ).one()
    return min(_deadline(row.stage, stage.timeout), _deadline(row.execution, work.plan.timeout))


def _deadline(started: datetime | None, timeout: float | None) -> datetime:
    return _NEVER if started is None or timeout is None else started + timedelta(seconds=timeout)
