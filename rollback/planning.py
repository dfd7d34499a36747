"""The plan of a rollback: stages in reverse, each step with whether it runs, the diff, and a hash over it all."""

from __future__ import annotations

import asyncio
import hashlib
import json
from itertools import groupby

from db.columns import new_id
from db.security.access import Access, Standing
from db.statuses import ExecutionKind
from pipelines.plan import Node, Plan, PlannedStage, PlannedStep, steps_in
from pipelines.runtime import Runtime
from providers.values import Change
from rollback.asking import changes_of, some_at_a_time
from rollback.circumstances import Surroundings
from rollback.eligibility import asked, recorded, to_undo, verdict
from rollback.expressions import holds
from rollback.facts import DeploymentFacts, StageFacts, undone_before
from rollback.values import PlannedStageView, PlannedStepView, Reason, RollbackPlanView, Scope

Changes = dict[str, tuple[Change, ...] | None]

_CONDITION = "Its condition does not hold with the recorded values."


async def plan_rollback(runtime: Runtime, scope: Scope, access: Access) -> RollbackPlanView:
    """The plan for a scope, with its verdict for somebody with this access. Raises ScopeNotFound."""
    async with runtime.database.read() as connection:
        facts, around = await recorded(connection, scope, access)
    reasons, changes = await asyncio.gather(asked(runtime, facts), changes_by_stage(runtime, facts))
    return plan_view(runtime, facts, reasons, changes, around)


async def changes_by_stage(runtime: Runtime, facts: DeploymentFacts) -> Changes:
    """What undoing each stage would change now, by the stage's id."""
    stages = [
        stage for stage in to_undo(facts) if stage.deployment_type and runtime.registry.find(stage.deployment_type)
    ]
    found = await some_at_a_time(changes_of(runtime, stage) for stage in stages)
    return {stage.id: changes for stage, changes in zip(stages, found, strict=True)}


def plan_view(
    runtime: Runtime,
    facts: DeploymentFacts,
    reasons: tuple[Reason, ...],
    changes: Changes,
    around: Surroundings,
) -> RollbackPlanView:
    """The plan for these facts, with what the platforms said: their reasons and what would change."""
    views = stage_views(facts, changes)
    return RollbackPlanView(plan_hash(facts, views), verdict(runtime, facts, reasons, around), views)


def stage_views(facts: DeploymentFacts, changes: Changes) -> tuple[PlannedStageView, ...]:
    """The stages that ran as the plan shows them, in the order in which they will be undone. Pure."""
    return tuple(
        _stage_view(facts, stage, position, changes.get(stage.id)) for position, stage in _reversed(facts.stages)
    )


def executable_plan(facts: DeploymentFacts) -> tuple[tuple[StageFacts, PlannedStage], ...]:
    """What the runner will do, each stage beside the one it undoes. Each call makes new identifiers."""
    undone = {stage.id for stage in to_undo(facts)}
    return tuple(
        (stage, _planned(stage, position)) for position, stage in _reversed(facts.stages) if stage.id in undone
    )


def frozen(stages: tuple[PlannedStage, ...], by: Standing) -> Plan:
    return Plan(kind=ExecutionKind.ROLLBACK, stages=stages, by=by)


def plan_hash(facts: DeploymentFacts, stages: tuple[PlannedStageView, ...]) -> str:
    """A hash over everything the plan will do: stages and order, steps and their specs, from and to, the diff."""
    specs = {stage.id: [step.spec for step in steps_in(stage.planned.rollback_steps)] for stage in facts.stages}
    content = [
        {
            "stage": view.stage_id,
            "position": view.position,
            "from": view.current_artifact.as_json() if view.current_artifact else None,
            "to": view.target_artifact.as_json() if view.target_artifact else None,
            "steps": [[step.identifier, step.type, step.will_run] for step in view.steps],
            "specs": specs[view.stage_id],
            "changes": None if view.changes is None else [change.as_json() for change in view.changes],
            "skipped": view.skipped_reason,
        }
        for view in stages
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _reversed(stages: tuple[StageFacts, ...]) -> list[tuple[int, StageFacts]]:
    """The stages that ran, last block first, with their new positions; members of a block stay together."""
    ran = sorted((stage for stage in stages if stage.ran), key=lambda stage: -stage.planned.position)
    blocks = groupby(ran, key=lambda stage: stage.planned.position)
    return [(index, stage) for index, (_, block) in enumerate(blocks) for stage in block]


def _planned(stage: StageFacts, position: int) -> PlannedStage:
    planned = stage.planned
    return planned.model_copy(
        update={
            "id": new_id(),
            "position": position,
            "steps": (),
            "rollback_steps": tuple(_renewed(node) for node in planned.rollback_steps),
            "original_stage_id": stage.id,
        }
    )


def _renewed(node: Node) -> Node:
    """The same node with identifiers of its own."""
    if isinstance(node, PlannedStep):
        return node.model_copy(update={"id": new_id()})
    nodes = tuple(_renewed(child) for child in node.nodes)
    return node.model_copy(update={"nodes": nodes})


def _stage_view(
    facts: DeploymentFacts, stage: StageFacts, position: int, changes: tuple[Change, ...] | None
) -> PlannedStageView:
    skipped = _stage_skipped(facts, stage)
    return PlannedStageView(
        stage_id=stage.id,
        position=position,
        current_artifact=stage.artifact if undone_before(stage) is None else stage.previous_artifact,
        target_artifact=stage.previous_artifact,
        steps=tuple(_step_view(facts, stage, step, skipped) for step in steps_in(stage.planned.rollback_steps)),
        changes=() if skipped else changes,
        skipped_reason=skipped,
    )


def _stage_skipped(facts: DeploymentFacts, stage: StageFacts) -> str | None:
    before = undone_before(stage)
    if before is not None:
        return f"It was undone already by {before.rollback}; nothing is undone twice."
    return None if holds(stage.planned.condition, facts.words.get(stage.id, {})) else _CONDITION


def _step_view(
    facts: DeploymentFacts, stage: StageFacts, step: PlannedStep, stage_skipped: str | None
) -> PlannedStepView:
    skipped = stage_skipped
    words = facts.words.get(stage.id, {})
    if skipped is None and not all(holds(condition, words) for condition in step.conditions):
        skipped = _CONDITION
    return PlannedStepView(step.identifier, step.name, step.type, skipped is None, skipped)
