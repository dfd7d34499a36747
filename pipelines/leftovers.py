"""Says what a deployment that did not get done has left running beside, or instead of, what ran before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.statuses import StepPhase, StepStatus
from db.tables import Stage, Step
from pipelines.proving import Proof
from pipelines.verification import groups_of
from providers.interface import StepType
from providers.sentences import sentences
from providers.values import InstanceGroup, LiveInstance

LEFT = "Left running: "
_DONE = (StepStatus.SUCCEEDED, StepStatus.SKIPPED)


async def left_behind(
    session: AsyncSession, stage_id: str, step_types: Mapping[str, StepType], proof: Proof
) -> str | None:
    """What the steps of an ended stage left running, and how that goes away; None where they left nothing.

    Only steps that declare it are asked about: what a rollout leaves half done is told by its own failure.
    """
    rows = await session.execute(
        sa.select(col(Step.type), col(Step.phase), col(Step.status))
        .where(col(Step.stage_id) == stage_id, col(Step.started_at).is_not(None))
        .order_by(col(Step.ordinal))
    )
    ways = list(_ways_out(rows.all(), step_types))
    if not ways:
        return None
    if proof.live is None:
        return sentences(f"{LEFT}not known, because the platform could not be asked: {proof.error}", *ways)
    found = await session.execute(sa.select(col(Stage.snapshot)).where(col(Stage.id) == stage_id))
    before = [InstanceGroup.model_validate(group) for group in (found.scalar_one() or {}).get("groups", ())]
    named = ", ".join(_new(before, proof.live))
    return sentences(f"{LEFT}{named}", *ways) if named else None


def left_part(reason: str | None) -> str | None:
    """Of a stage's reason, the part that `left_behind` said."""
    _, said, left = (reason or "").partition(LEFT)
    return said + left or None


def _ways_out(steps: Sequence[Any], step_types: Mapping[str, StepType]) -> Iterator[str]:
    done = {step.type for step in steps if step.status in _DONE}
    for step in steps:
        declared = step_types.get(step.type)
        leftover = declared.leftover if declared and step.phase is StepPhase.FORWARD else None
        if leftover is not None and done.isdisjoint(leftover.until):
            yield leftover.way_out


def _new(before: Sequence[InstanceGroup], live: Sequence[LiveInstance]) -> Iterator[str]:
    """The groups, or versions of them, that run and did not run before."""
    known = {(group.name, group.revision or group.artifact.display_name) for group in before}
    new = [one for one in live if (one.group, one.revision or one.artifact.display_name) not in known]
    for group in groups_of(new):
        yield f"{group.count} of {group.name} at {group.artifact.display_name}"
