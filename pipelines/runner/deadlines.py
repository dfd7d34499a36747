"""Until when a step may try: its own, its stage's and the pipeline's timeout, as ISO 8601 texts that sort."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import now
from db.tables import Execution, Stage
from pipelines.plan import PlannedStage
from pipelines.runner.work import Work

_NEVER = "9999-12-31T00:00:00.000000+00:00"
_RECOVERY_GRACE = 30.0


def seconds_until(deadline: str, timeout: float) -> float:
    """What is left until the deadline of a try; where an outage ate all of it, still enough for one look."""
    left = (datetime.fromisoformat(deadline) - now()).total_seconds()
    return left if left > 0 else min(timeout, _RECOVERY_GRACE)


async def deadline_of_try(
    session: AsyncSession, work: Work, stage: PlannedStage, seconds: float, *, undoing: bool
) -> str | None:
    """Until when a try that may last `seconds` may go on; None where the stage's or pipeline's time is over.

    The time that a deployment used up is not taken from the steps that roll it back.
    """
    at = now()
    deadline = _text(at + timedelta(seconds=seconds))
    if work.is_rollback or not undoing:
        deadline = min(deadline, await _outer_deadline(session, work, stage))
    return deadline if deadline > _text(at) else None


async def _outer_deadline(session: AsyncSession, work: Work, stage: PlannedStage) -> str:
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


def _deadline(started: datetime | None, timeout: float | None) -> str:
    return _NEVER if started is None or timeout is None else _text(started + timedelta(seconds=timeout))


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
