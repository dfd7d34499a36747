"""Closes the books of a stage in one transaction: statuses, what it left behind, the instances, the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import now
from db.statuses import ExecutionKind, StageStatus, StepStatus
from db.tables import Service, Stage, Step, Target
from pipelines import journal
from pipelines.claiming import Claim, StageMark
from pipelines.instances import TargetRow, record_instances
from pipelines.plan import Plan, PlannedStage, steps_in
from pipelines.proving import Proof
from pipelines.rows import step_row
from pipelines.runner.results import End, Result
from pipelines.verification import groups_of
from providers.sentences import sentences
from providers.values import Artifact, InstanceGroup, LiveInstance

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
    has_begun: bool = True
    """Whether any of its steps at a platform has: the platform is as it was otherwise."""


@dataclass(frozen=True)
class StepEnd:
    """How a step ended that a platform carries, or was to carry."""

    status: StepStatus
    reason: str | None

    @property
    def has_begun(self) -> bool:
        return self.status not in (StepStatus.PENDING, StepStatus.SKIPPED, StepStatus.ABANDONED)


def stage_end(
    plan: Plan, result: Result, proof: Proof | None, platform_steps: Sequence[StepEnd]
) -> tuple[StageStatus, str | None]:
    """The status a stage ends with, and why. Pure."""
    if result.stops:
        status = StageStatus.ABORTED if result.end is End.ABORTED else StageStatus.FAILED
        return status, result.reason or "The execution was aborted."
    if plan.kind is ExecutionKind.ROLLBACK and proof is not None:
        if proof.shortfall:
            return StageStatus.COMPLETED_WITH_DRIFT, proof.shortfall
        if platform_steps and all(step.status is StepStatus.SKIPPED for step in platform_steps):
            reasons = dict.fromkeys(step.reason for step in platform_steps)
            return StageStatus.SKIPPED, sentences(*reasons) or "The target was already in the wanted state."
    statement = proof.statement if proof else None
    if result.end is End.IGNORED:
        return StageStatus.SUCCEEDED_WITH_IGNORED_FAILURES, sentences(statement, result.reason)
    return StageStatus.SUCCEEDED, statement


async def close_stage(session: AsyncSession, end: StageEnd) -> None:
    """Write a stage's end: its status, its target's present state and the instances."""
    stage = end.stage
    wanted = await _wanted(session, stage)
    changes: dict[str, Any] = {}
    if end.live is not None:
        groups = groups_of(end.live)
        changes["left_groups"] = [group.as_json() for group in groups]
        changes |= _seen_artifact(wanted, groups)
    if end.status not in _DONE and "artifact" not in changes:
        changes["artifact"] = None
    await journal.move_stage(session, end.execution_id, stage.id, end.status, end.reason, **changes)
    if stage.target_id is None:
        return
    mark = StageMark(stage.id, end.execution_id, end.triggered_by, now(), artifact=wanted)
    if stage.original_stage_id is not None:
        await _close_in(session, stage, end.live, mark)
    elif end.status in _DEPLOYED:
        mark = replace(mark, claim=Claim.ITS_VERSION)
        await _close_in(session, stage, end.live, mark, {"last_deployed_at": mark.at})
    elif end.has_begun:
        await _close_what_failed(session, stage, end.live, replace(mark, claim=Claim.WHAT_IT_BROUGHT))


async def _close_in(
    session: AsyncSession,
    stage: PlannedStage,
    live: tuple[LiveInstance, ...] | None,
    mark: StageMark,
    deployed: dict[str, datetime] | None = None,
) -> None:
    """The target stands at this stage from now on."""
    target = await _update_target(session, stage, deployed or {})
    if live is not None:
        await record_instances(session, target, live, mark)


async def _close_what_failed(
    session: AsyncSession, stage: PlannedStage, live: tuple[LiveInstance, ...] | None, mark: StageMark
) -> None:
    """The target stands where it stood, unless the deployment brought something there, or may have."""
    row = (await session.execute(sa.select(Target).where(col(Target.id) == stage.target_id))).scalar_one()
    if live is None or row.resolved is None:
        await _close_in(session, stage, live, mark)
        return
    spec = (await _resolved(session, stage))["spec"]
    if row.resolved["spec"] != spec and not any(mark.has(instance) for instance in live):
        return
    target = TargetRow(row.id, row.service_id, row.environment_id, row.infrastructure_id)
    found = await record_instances(session, target, live, mark)
    if found.claimed:
        await _update_target(session, stage, {})


async def _wanted(session: AsyncSession, stage: PlannedStage) -> Artifact | None:
    found = (await session.execute(sa.select(col(Stage.artifact)).where(col(Stage.id) == stage.id))).scalar_one()
    return None if found is None else Artifact.model_validate(found)


def _seen_artifact(wanted: Artifact | None, groups: tuple[InstanceGroup, ...]) -> dict[str, Any]:
    """The stage's artifact as the platform shows it (with digest and revision): what was asked for, where it runs,
    or else another version of it."""
    if wanted is None:
        return {}
    same = [group.artifact for group in groups if group.artifact.image == wanted.image]
    exact = [artifact for artifact in same if artifact.tag == wanted.tag]
    return {"artifact": found.as_json()} if (found := next(iter(exact or same), None)) else {}


async def _resolved(session: AsyncSession, stage: PlannedStage) -> dict[str, Any]:
    """The spec and the release of what the stage deploys, or brings back."""
    of = stage.original_stage_id or stage.id
    found = (await session.execute(sa.select(col(Stage.resolved)).where(col(Stage.id) == of))).scalar_one() or {}
    return {key: found.get(key) for key in ("spec", "release")}


async def _update_target(session: AsyncSession, stage: PlannedStage, deployed: dict[str, datetime]) -> TargetRow:
    """Point the target at the stage that put it into its present state; `deployed` says when, if it did."""
    resolved = await _resolved(session, stage)
    row = (
        await session.execute(
            sa.update(Target)
            .where(col(Target.id) == stage.target_id)
            .values(current_stage_id=stage.id, resolved=resolved, **deployed)
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
) -> list[StepEnd]:
    """End the steps that never got their turn; returns how those stood that a platform carries.

    A step that runs was ended by nobody: a defect came between.
    """
    rows = (
        await session.execute(
            sa.select(col(Step.id), col(Step.status), col(Step.status_reason), col(Step.at_platform))
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
    return [StepEnd(row.status, row.status_reason) for row in rows if row.at_platform]


async def add_rollback_steps(session: AsyncSession, stage: PlannedStage) -> None:
    """The rows of a stage's rollbackSteps, which a deployment gets only when it rolls itself back."""
    count = (
        await session.execute(sa.select(sa.func.count()).select_from(Step).where(col(Step.stage_id) == stage.id))
    ).scalar_one()
    session.add_all(step_row(stage.id, step, count + n) for n, step in enumerate(steps_in(stage.rollback_steps)))
    await session.flush()
