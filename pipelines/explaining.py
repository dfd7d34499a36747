"""Why an execution ended as it did, or what it came to, for those who read only this line."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.statuses import ExecutionKind, ExecutionStatus, StageStatus
from db.tables import Stage
from pipelines.leftovers import left_part
from providers.sentences import sentences
from providers.values import Value

_E, _S = ExecutionStatus, StageStatus
_TELLING = {
    _E.FAILED: _S.FAILED,
    _E.COMPLETED_WITH_DRIFT: _S.COMPLETED_WITH_DRIFT,
    _E.SUCCEEDED_WITH_IGNORED_FAILURES: _S.SUCCEEDED_WITH_IGNORED_FAILURES,
}


class StageEnd(Value):
    """How a stage of the execution ended, and why."""

    name: str
    status: StageStatus
    reason: str | None


async def stage_ends(session: AsyncSession, execution_id: str) -> list[StageEnd]:
    """The ends of an execution's stages, in its order."""
    rows = await session.execute(
        sa.select(col(Stage.name), col(Stage.status), col(Stage.status_reason))
        .where(col(Stage.execution_id) == execution_id)
        .order_by(col(Stage.ordinal))
    )
    return [StageEnd(name=row.name, status=row.status, reason=row.status_reason) for row in rows]


def explain(
    kind: ExecutionKind, status: ExecutionStatus, stages: Sequence[StageEnd], abort_reason: str | None
) -> str | None:
    """The reason for an end; None for a deployment that succeeded, which needs none. Pure.

    `abort_reason` is the wish to stop, which may have come too late.
    """
    restored = _restored(stages) if kind is ExecutionKind.ROLLBACK else None
    if status is _E.ABORTED:
        left = [f'Stage "{stage.name}": {part}' for stage in stages if (part := left_part(stage.reason))]
        return sentences(abort_reason, restored, *left) if restored or left else abort_reason
    telling = next((stage for stage in stages if stage.status is _TELLING.get(status)), None)
    said = f'Stage "{telling.name}": {telling.reason}' if telling and telling.reason else None
    if restored:
        said = sentences(said, restored)
    if abort_reason is None or status is _E.FAILED:
        return said
    return sentences(said, f"Nothing was left to stop when it was asked to: {abort_reason}")


def _restored(stages: Sequence[StageEnd]) -> str:
    restored = [f'"{stage.name}"' for stage in stages if stage.status is _S.SUCCEEDED]
    skipped = [f'"{stage.name}"' for stage in stages if stage.status is _S.SKIPPED]
    return sentences(
        f"Restored and verified: {', '.join(restored)}" if restored else None,
        f"Nothing had to be changed: {', '.join(skipped)}" if skipped else None,
    )
