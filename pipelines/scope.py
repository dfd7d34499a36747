"""Gathers from the records what a stage's expressions can read. Reads the database, decides nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlmodel import col

from db.statuses import StepPhase
from db.tables import Execution, Stage, Step
from pipelines.plan import Plan, PlannedStage
from pipelines.roots import Words, steps_words
from providers.artifacts import words_of
from providers.values import Artifact

Reader = AsyncConnection | AsyncSession


async def base_words(reader: Reader, execution_id: str) -> Words:
    """What every stage of the execution can read: `pipeline`, with the steps of all its stages.

    In a rollback these are the original execution's words, with the rollback's own run on top of them and the
    original's run as `pipeline.originalExecution`.
    """
    row = (
        await reader.execute(
            sa.select(col(Execution.recorded), col(Execution.original_execution_id), col(Execution.plan)).where(
                col(Execution.id) == execution_id
            )
        )
    ).one()
    own: Words = row.recorded
    if row.original_execution_id is None:
        stages = await _stages_words(reader, execution_id, Plan.model_validate(row.plan))
        return {"pipeline": {**own["pipeline"], "stages": stages}}
    original = await base_words(reader, row.original_execution_id)
    pipeline = {**original["pipeline"], **own["pipeline"], "originalExecution": own["originalExecution"]}
    return {"pipeline": pipeline}


async def stage_scope_words(reader: Reader, execution_id: str, stage_id: str) -> Words:
    """Everything a step of the stage can read; `steps` are its own, over those of the stage it undoes."""
    row = (
        await reader.execute(
            sa.select(col(Stage.resolved), col(Stage.original_stage_id), col(Stage.artifact), col(Execution.plan))
            .join(Execution, col(Execution.id) == col(Stage.execution_id))
            .where(col(Stage.id) == stage_id)
        )
    ).one()
    words = await base_words(reader, execution_id)
    steps = await _steps_words(reader, Plan.model_validate(row.plan).stage(stage_id))
    if row.original_stage_id is None:
        return words | _recorded(row.resolved) | _spread(steps)
    original = (
        await reader.execute(
            sa.select(col(Stage.resolved), col(Execution.plan))
            .join(Execution, col(Execution.id) == col(Stage.execution_id))
            .where(col(Stage.id) == row.original_stage_id)
        )
    ).one()
    undone = await _steps_words(reader, Plan.model_validate(original.plan).stage(row.original_stage_id))
    merged = {**undone["steps"], **undone["rollbackSteps"], **steps["rollbackSteps"]}
    words |= _recorded(original.resolved)
    words |= _spread({"steps": merged, "rollbackSteps": steps["rollbackSteps"]})
    if row.artifact:
        words["rollbackArtifact"] = words_of(Artifact.model_validate(row.artifact))
    return words


def _recorded(resolved: Words | None) -> Words:
    """The words a stage recorded when it began."""
    words: Words = (resolved or {}).get("words", {})
    return words


def _spread(steps: Words) -> Words:
    """The two spellings of the same steps: `steps.ID` and `execution.steps.ID`."""
    return {"steps": {**steps["steps"], **steps["rollbackSteps"]}, "execution": steps}


async def _steps_words(reader: Reader, stage: PlannedStage) -> Words:
    rows = await reader.execute(
        sa.select(col(Step.phase), col(Step.identifier), col(Step.outputs))
        .where(col(Step.stage_id) == stage.id)
        .order_by(col(Step.ordinal))
    )
    return steps_words(stage, ((row.phase, row.identifier, row.outputs) for row in rows))


async def _stages_words(reader: Reader, execution_id: str, plan: Plan) -> Words:
    rows = await reader.execute(
        sa.select(
            col(Stage.id),
            col(Step.phase),
            sa.label("step", col(Step.identifier)),
            col(Step.outputs),
        )
        .join(Step, col(Step.stage_id) == col(Stage.id), isouter=True)
        .where(col(Stage.execution_id) == execution_id)
        .order_by(col(Stage.ordinal), col(Step.ordinal))
    )
    steps: defaultdict[str, list[tuple[StepPhase, str, dict[str, Any]]]] = defaultdict(list)
    for row in rows:
        if row.step is not None:
            steps[row.id].append((row.phase, row.step, row.outputs))
    return {
        stage.identifier: {
            "identifier": stage.identifier,
            "name": stage.name,
            "spec": {"execution": steps_words(stage, steps[stage.id])},
        }
        for stage in plan.stages
    }
