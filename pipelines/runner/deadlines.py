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


def deadline_after(seconds: float) -> str:
    """The moment that many seconds from now."""
    return _text(now() + timedelta(seconds=seconds))


def seconds_until(deadline: str, timeout: float) -> float:
    """What is left of a step's `timeout`; after an outage that ate it, still long enough for one look."""
    left = (datetime.fromisoformat(deadline) - now()).total_seconds()
    return max(left, min(timeout, _RECOVERY_GRACE))


async def outer_deadline(session: AsyncSession, work: Work, stage: PlannedStage) -> str:
    """The earlier of the stage's and the pipeline's deadline."""
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
