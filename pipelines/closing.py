"""Closes the books of a stage in one transaction: statuses, what it left behind, the instances, the target."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import now
from db.statuses import ExecutionKind, StageStatus, StepStatus
from db.tables import Service, Stage, Step, Target
from pipelines import journal
from pipelines.instances import StageMark, TargetRow, record_instances
from pipelines.plan import Plan, PlannedStage, steps_in
from pipelines.proving import Proof
from pipelines.rows import step_row
from pipelines.runner.results import End, Result
from pipelines.verification import groups_of
from providers.values import InstanceGroup, LiveInstance

_DEPLOYED = (StageStatus.SUCCEEDED, StageStatus.SUCCEEDED_WITH_IGNORED_FAILURES)
_DONE = (*_DEPLOYED, StageStatus.SKIPPED)


@dataclass(frozen=True)
class StageEnd:
    """How a stage ended; `live` is what runs on its target now, None where it deploys nothing or is unknown."""

    execution_id: str
    stage: PlannedStage
    status: StageStatus
    reason: str | None
    live: tuple[LiveInstance, ...] | None
    triggered_by: str


def stage_end(
    plan: Plan, result: Result, proof: Proof | None, platform_steps: list[StepStatus]
) -> tuple[StageStatus, str | None]:
    """The status a stage ends with, and why. Pure."""
    if result.stops:
        status = StageStatus.ABORTED if result.end is End.ABORTED else StageStatus.FAILED
        return status, result.reason or "The execution was aborted."
    if plan.kind is ExecutionKind.ROLLBACK and proof is not None:
        if proof.shortfall:
            return StageStatus.COMPLETED_WITH_DRIFT, proof.shortfall
        if platform_steps and set(platform_steps) == {StepStatus.SKIPPED}:
            return StageStatus.SKIPPED, result.reason or "The target was already in the wanted state."
    if result.end is End.IGNORED:
        return StageStatus.SUCCEEDED_WITH_IGNORED_FAILURES, result.reason
    return StageStatus.SUCCEEDED, proof.statement if proof else None


async def close_stage(session: AsyncSession, end: StageEnd) -> None:
    """Write a stage's end: its status, its target's present state and the instances."""
    stage = end.stage
    changes: dict[str, Any] = {}
    if end.live is not None:
        groups = groups_of(end.live)
        changes["left_groups"] = [group.as_json() for group in groups]
        changes |= await _seen_artifact(session, stage, groups)
    if end.status not in _DONE and "artifact" not in changes:
        changes["artifact"] = None
    await journal.move_stage(session, end.execution_id, stage.id, end.status, end.reason, **changes)
    if stage.target_id is None:
        return
    at = now()
    succeeded = stage.original_stage_id is None and end.status in _DEPLOYED
    target = await _update_target(session, stage, {"last_deployed_at": at} if succeeded else {})
    if end.live is not None:
        mark = StageMark(stage.id, end.execution_id, end.triggered_by, at)
        await record_instances(session, target, end.live, mark)


async def _seen_artifact(
    session: AsyncSession, stage: PlannedStage, groups: tuple[InstanceGroup, ...]
) -> dict[str, Any]:
    """The stage's artifact as the platform shows it (with digest and revision): what was asked for, where it runs,
    or else another version of it."""
    wanted = (await session.execute(sa.select(col(Stage.artifact)).where(col(Stage.id) == stage.id))).scalar_one()
    if wanted is None:
        return {}
    same = [group.artifact for group in groups if group.artifact.image == wanted["image"]]
    exact = [artifact for artifact in same if artifact.tag == wanted["tag"]]
    return {"artifact": found.as_json()} if (found := next(iter(exact or same), None)) else {}


async def _update_target(session: AsyncSession, stage: PlannedStage, deployed: dict[str, datetime]) -> TargetRow:
    """Point the target at the stage that put it into its present state; `deployed` says when, if it did."""
    resolved = (
        await session.execute(
            sa.select(col(Stage.resolved)).where(col(Stage.id) == (stage.original_stage_id or stage.id))
        )
    ).scalar_one() or {}
    row = (
        await session.execute(
            sa.update(Target)
            .where(col(Target.id) == stage.target_id)
            .values(
                current_stage_id=stage.id,
                resolved={key: resolved.get(key) for key in ("spec", "release")},
                **deployed,
            )
            .returning(
                col(Target.id),
                col(Target.service_id),
                col(Target.environment_id),
                col(Target.infrastructure_id),
            )
        )
    ).one()
    if deployed:
        await session.execute(sa.update(Service).where(col(Service.id) == row.service_id).values(**deployed))
    return TargetRow(row.id, row.service_id, row.environment_id, row.infrastructure_id)


async def close_steps(
    session: AsyncSession, execution_id: str, stage_id: str, status: StepStatus
) -> list[StepStatus]:
    """End the steps that never got their turn; returns the statuses of the steps that a platform carried.

    A step that runs was ended by nobody: a defect came between.
    """
    rows = (
        await session.execute(
            sa.select(col(Step.id), col(Step.status), col(Step.at_platform))
            .where(col(Step.stage_id) == stage_id)
            .order_by(col(Step.ordinal))
        )
    ).all()
    for row in rows:
        if row.status is StepStatus.PENDING:
            await journal.move_step(session, execution_id, stage_id, row.id, status, "Never got its turn.")
        elif row.status is StepStatus.RUNNING:
            reason = "The execution ended unexpectedly."
            await journal.move_step(session, execution_id, stage_id, row.id, StepStatus.FAILED, reason)
    return [row.status for row in rows if row.at_platform]


async def add_rollback_steps(session: AsyncSession, stage: PlannedStage) -> None:
    """The rows of a stage's rollbackSteps, which a deployment gets only when it rolls itself back."""
    count = (
        await session.execute(sa.select(sa.func.count()).select_from(Step).where(col(Step.stage_id) == stage.id))
    ).scalar_one()
    session.add_all(step_row(stage.id, step, count + n) for n, step in enumerate(steps_in(stage.rollback_steps)))
    await session.flush()
