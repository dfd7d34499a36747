"""Reads from the records the facts about deployments, for any number of scopes in a fixed number of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from db.statuses import FINISHED_STAGES, UNDO_CLAIMED, RollbackStatus
from db.tables import Execution, ExecutionTarget, Instance, Pipeline, Stage, Target
from pipelines.accepting import busy_targets
from pipelines.plan import Plan
from pipelines.scope import Reader
from providers.values import Artifact
from rollback.errors import not_found
from rollback.facts import DeploymentFacts, ExecutionMark, StageFacts, Undo
from rollback.values import Scope

UNDO_FAILED = FINISHED_STAGES - set(UNDO_CLAIMED)


@dataclass(frozen=True)
class Resolved:
    """A scope as an execution and, where narrowed, the ids of some of its stages."""

    execution_id: str
    stage_ids: frozenset[str] | None = None


async def gather(reader: Reader, scopes: Sequence[Scope]) -> list[DeploymentFacts]:
    """The facts for each scope, in their order. Raises ScopeNotFound."""
    resolved = await _resolve(reader, scopes)
    execution_ids = {one.execution_id for one in resolved}
    executions = await _executions(reader, execution_ids)
    stages = await _stages(reader, executions)
    facts: list[DeploymentFacts] = []
    for one in resolved:
        execution = executions.get(one.execution_id)
        if execution is None:
            raise not_found(Scope(execution_id=one.execution_id))
        facts.append(_facts(execution, stages[one.execution_id], one.stage_ids))
    return facts


def _facts(row: Any, stages: Sequence[StageFacts], narrowed: frozenset[str] | None) -> DeploymentFacts:
    return DeploymentFacts(
        mark=_mark(row),
        pipeline_id=row.pipeline_id,
        yaml=row.yaml,
        recorded=row.recorded,
        finished_at=row.finished_at,
        stages=tuple(stage for stage in stages if narrowed is None or stage.id in narrowed),
    )


async def _resolve(reader: Reader, scopes: Sequence[Scope]) -> list[Resolved]:
    """Each scope's execution and stages, whatever it was named by."""
    named = {stage_id for scope in scopes for stage_id in scope.stage_ids or ()}
    by_instance = await _stages_of_instances(reader, {s.instance_id for s in scopes if s.instance_id})
    by_stage = await _places_of_stages(reader, named | set(by_instance.values()))
    return [_resolved(scope, by_instance, by_stage) for scope in scopes]


def _resolved(scope: Scope, by_instance: Mapping[str, str], by_stage: Mapping[str, tuple[str, str]]) -> Resolved:
    if scope.execution_id is not None:
        return Resolved(scope.execution_id)
    stage_ids = scope.stage_ids or ()
    if scope.instance_id is not None:
        if scope.instance_id not in by_instance:
            raise not_found(scope)
        stage_ids = (by_instance[scope.instance_id],)
    found = [by_stage[stage_id] for stage_id in stage_ids if stage_id in by_stage]
    executions = {execution_id for execution_id, _ in found}
    if len(found) != len(stage_ids) or len(executions) != 1:
        raise not_found(scope)
    return Resolved(executions.pop(), frozenset(stage_id for _, stage_id in found))


async def _stages_of_instances(reader: Reader, ids: Iterable[str]) -> dict[str, str]:
    wanted = list(ids)
    if not wanted:
        return {}
    rows = await reader.execute(
        sa.select(col(Instance.id), col(Instance.stage_id)).where(col(Instance.id).in_(wanted))
    )
    return {row.id: row.stage_id for row in rows if row.stage_id}


async def _places_of_stages(reader: Reader, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Of each stage, the execution and stage to judge.

    A stage of a rollback that did not get done stands for the stage it was to undo: what it left can be tried
    again from where one looks at it, an instance for example.
    """
    wanted = list(ids)
    if not wanted:
        return {}
    rows = await reader.execute(
        sa.select(
            col(Stage.id),
            col(Stage.execution_id),
            col(Stage.status),
            col(Stage.original_stage_id),
            col(Execution.original_execution_id),
        )
        .join(Execution, col(Execution.id) == col(Stage.execution_id))
        .where(col(Stage.id).in_(wanted))
    )
    return {
        row.id: (row.original_execution_id, row.original_stage_id)
        if row.original_stage_id is not None and row.status in UNDO_FAILED
        else (row.execution_id, row.id)
        for row in rows
    }


_MARK_COLUMNS = (
    col(Execution.id),
    col(Execution.kind),
    col(Execution.sequence_id),
    col(Execution.status),
    sa.label("pipeline", col(Pipeline.identifier)),
)


def _mark(row: Any) -> ExecutionMark:
    return ExecutionMark(row.id, row.kind, row.sequence_id, row.pipeline, row.status)


async def _executions(reader: Reader, ids: Iterable[str]) -> dict[str, Any]:
    rows = await reader.execute(
        sa.select(
            *_MARK_COLUMNS,
            col(Execution.pipeline_id),
            col(Execution.yaml),
            # Read from its text: as values in between it would be many times as big.
            sa.label("plan", sa.cast(col(Execution.plan), sa.Text)),
            col(Execution.recorded),
            col(Execution.finished_at),
        )
        .join(Pipeline, col(Pipeline.id) == col(Execution.pipeline_id))
        .where(col(Execution.id).in_(list(ids)))
    )
    return {row.id: row for row in rows}


async def _stages(reader: Reader, executions: Mapping[str, Any]) -> dict[str, list[StageFacts]]:
    """The stages that deploy something, of each execution, in executed order."""
    rows = (
        await reader.execute(
            sa.select(Stage)
            .with_only_columns(*_STAGE_COLUMNS)
            .where(col(Stage.execution_id).in_(list(executions)), col(Stage.target_id).is_not(None))
            .order_by(col(Stage.execution_id), col(Stage.ordinal))
        )
    ).all()
    targets = sorted({row.target_id for row in rows})
    newer = await _latest(reader, targets)
    holders = await _holders(reader, targets)
    messages = {busy.target_id: busy.message for busy in await busy_targets(reader, targets)} if holders else {}
    undos = await _undos(reader, [row.id for row in rows])
    plans = [Plan.model_validate_json(row.plan) for row in executions.values()]
    planned = {stage.id: stage for plan in plans for stage in plan.stages}
    found: defaultdict[str, list[StageFacts]] = defaultdict(list)
    for row in rows:
        latest, undone = newer.get(row.target_id, (None, False))
        found[row.execution_id].append(
            StageFacts(
                planned=planned[row.id],
                ordinal=row.ordinal,
                status=row.status,
                service_id=row.service_id,
                environment_id=row.environment_id,
                infrastructure_id=row.infrastructure_id,
                artifact=Artifact.model_validate(row.artifact) if row.artifact else None,
                resolved=row.resolved or {},
                snapshot=row.snapshot,
                left_groups=row.left_groups,
                newer=latest if latest and latest.execution_id > row.execution_id else None,
                newer_undone=undone,
                holder=holders.get(row.target_id),
                holder_message=messages.get(row.target_id),
                undos=tuple(undos[row.id]),
            )
        )
    return found


_STAGE_COLUMNS = (
    col(Stage.id),
    col(Stage.execution_id),
    col(Stage.ordinal),
    col(Stage.status),
    col(Stage.target_id),
    col(Stage.service_id),
    col(Stage.environment_id),
    col(Stage.infrastructure_id),
    col(Stage.artifact),
    col(Stage.resolved),
    col(Stage.snapshot),
    col(Stage.left_groups),
)


async def _latest(reader: Reader, targets: Sequence[str]) -> dict[str, tuple[ExecutionMark, bool]]:
    """Of each target, the execution of its most recent successful deployment, and whether it is undone there."""
    rows = await reader.execute(
        sa.select(sa.label("target_id", col(Target.id)), col(Stage.rollback_status), *_MARK_COLUMNS)
        .join(Stage, col(Stage.id) == col(Target.deployed_stage_id))
        .join(Execution, col(Execution.id) == col(Stage.execution_id))
        .join(Pipeline, col(Pipeline.id) == col(Execution.pipeline_id))
        .where(col(Target.id).in_(targets))
    )
    return {row.target_id: (_mark(row), row.rollback_status is RollbackStatus.SUCCESS) for row in rows}


async def _holders(reader: Reader, targets: Sequence[str]) -> dict[str, ExecutionMark]:
    """Of each target, the execution that holds it now."""
    rows = await reader.execute(
        sa.select(col(ExecutionTarget.target_id), *_MARK_COLUMNS)
        .join(Execution, col(Execution.id) == col(ExecutionTarget.execution_id))
        .join(Pipeline, col(Pipeline.id) == col(Execution.pipeline_id))
        .where(col(ExecutionTarget.target_id).in_(targets), col(ExecutionTarget.active))
    )
    return {row.target_id: _mark(row) for row in rows}


async def _undos(reader: Reader, stages: Sequence[str]) -> defaultdict[str, list[Undo]]:
    """Of each stage, every try to undo it, oldest first."""
    rows = await reader.execute(
        sa.select(col(Stage.original_stage_id), sa.label("stage_status", col(Stage.status)), *_MARK_COLUMNS)
        .join(Execution, col(Execution.id) == col(Stage.execution_id))
        .join(Pipeline, col(Pipeline.id) == col(Execution.pipeline_id))
        .where(col(Stage.original_stage_id).in_(stages))
        .order_by(col(Execution.id))
    )
    found: defaultdict[str, list[Undo]] = defaultdict(list)
    for row in rows:
        found[str(row.original_stage_id)].append(Undo(_mark(row), row.stage_status))
    return found
