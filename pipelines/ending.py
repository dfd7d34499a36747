"""The last transaction of an execution: its status, what becomes of its rollback, and its locks."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.statuses import (
    FINISHED_STAGES,
    ExecutionStatus,
    RollbackStatus,
    StageStatus,
    StepStatus,
    most_telling,
    undo_outcome,
)
from db.tables import Execution, ExecutionTarget, Stage, Target
from pipelines import journal
from pipelines.closing import close_steps
from pipelines.explaining import explain, stage_ends
from pipelines.plan import Plan, PlannedStage
from pipelines.runner.results import execution_status

_UNDONE = (ExecutionStatus.SUCCEEDED, ExecutionStatus.SUCCEEDED_WITH_IGNORED_FAILURES)


async def end_execution(session: AsyncSession, execution_id: str, plan: Plan, *, unexpected: bool) -> str:
    """Finish the execution from its stages' ends and release its targets, all at once; returns its status."""
    aborted, abort_reason, original = (
        await session.execute(
            sa.select(
                col(Execution.abort_requested), col(Execution.abort_reason), col(Execution.original_execution_id)
            ).where(col(Execution.id) == execution_id)
        )
    ).one()
    statuses = await _finish_stages(session, execution_id, unexpected=unexpected)
    status = execution_status(plan.kind, statuses, aborted, unexpected)
    reason = explain(plan.kind, status, await stage_ends(session, execution_id), abort_reason)
    reason = "Unexpected error; the server's log has the details." if unexpected else reason
    await journal.move_execution(session, execution_id, status, reason)
    if original is not None:
        outcome = RollbackStatus.SUCCESS if status in _UNDONE else RollbackStatus.FAILURE
        await _close_rollback(session, execution_id, original, plan, outcome)
    elif status is ExecutionStatus.SUCCEEDED:
        await _open_rollback(session, execution_id, plan)
    await session.execute(
        sa.update(ExecutionTarget).where(col(ExecutionTarget.execution_id) == execution_id).values(active=False)
    )
    return status.value


async def set_rollback_status(
    session: AsyncSession, executions: Sequence[str | None], stages: Sequence[str], status: RollbackStatus
) -> None:
    """Say of these executions and stages how their rollback stands."""
    for table, ids in ((Execution, executions), (Stage, stages)):
        if ids:
            await session.execute(sa.update(table).where(col(table.id).in_(ids)).values(rollback_status=status))


async def _close_rollback(
    session: AsyncSession, execution_id: str, original: str, plan: Plan, outcome: RollbackStatus
) -> None:
    """Say of the rollback, of each of its stages, and of what these undid, how that ended.

    A stage stands for itself: what was restored and proved is so, whatever became of the rollback afterwards.
    """
    pairs = {stage.id: stage.original_stage_id for stage in plan.stages}
    rows = await session.execute(sa.select(col(Stage.id), col(Stage.status)).where(col(Stage.id).in_(pairs)))
    ends: dict[RollbackStatus, list[str]] = {RollbackStatus.SUCCESS: [], RollbackStatus.FAILURE: []}
    for row in rows:
        undone = pairs[row.id]
        ends[undo_outcome(row.status)] += [row.id] if undone is None else [row.id, undone]
    await set_rollback_status(session, [execution_id], [], outcome)
    for end, stages in ends.items():
        await set_rollback_status(session, [], stages, end)
    standing = await session.execute(
        sa.select(col(Stage.rollback_status)).where(col(Stage.execution_id) == original).distinct()
    )
    await set_rollback_status(session, [original], [], most_telling(standing.scalars()))


async def _finish_stages(session: AsyncSession, execution_id: str, *, unexpected: bool) -> tuple[StageStatus, ...]:
    """The ends of all stages; those a defect left open are ended here."""
    rows = (
        await session.execute(
            sa.select(col(Stage.id), col(Stage.status))
            .where(col(Stage.execution_id) == execution_id)
            .order_by(col(Stage.ordinal))
        )
    ).all()
    statuses: list[StageStatus] = []
    for row in rows:
        status: StageStatus = row.status
        if status not in FINISHED_STAGES and unexpected:
            began = status is not StageStatus.PENDING
            status = StageStatus.FAILED if began else StageStatus.ABANDONED
            await journal.move_stage(
                session, execution_id, row.id, status, "The execution ended unexpectedly.", artifact=None
            )
            await close_steps(session, execution_id, row.id, StepStatus.ABANDONED)
        statuses.append(status)
    return tuple(statuses)


async def _open_rollback(session: AsyncSession, execution_id: str, plan: Plan) -> None:
    """After a success: its stages are the most recent successful deployments of their targets."""
    rows = (
        await session.execute(
            sa.select(col(Stage.id), col(Stage.target_id)).where(
                col(Stage.execution_id) == execution_id,
                col(Stage.target_id).is_not(None),
                col(Stage.status) == StageStatus.SUCCEEDED,
            )
        )
    ).all()
    for row in rows:
        await session.execute(
            sa.update(Target).where(col(Target.id) == row.target_id).values(deployed_stage_id=row.id)
        )
    by_id: dict[str, PlannedStage] = {stage.id: stage for stage in plan.stages}
    undoable = [row.id for row in rows if by_id[row.id].rollback_steps]
    if undoable:
        await set_rollback_status(session, [execution_id], undoable, RollbackStatus.NOT_STARTED)
