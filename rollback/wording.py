"""Gathers what the expressions of rollback steps can read, from the records of the original execution."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from db.statuses import ExecutionKind
from pipelines.plan import steps_in
from pipelines.roots import run_words
from pipelines.scope import Reader, stage_scope_words
from providers.artifacts import words_of
from rollback.facts import DeploymentFacts, StageFacts


async def with_words(reader: Reader, facts: DeploymentFacts) -> DeploymentFacts:
    """The facts with the words of each stage whose rollback steps read any."""
    words = {stage.id: await _words(reader, facts, stage) for stage in facts.stages if stage.ran and _reads(stage)}
    return replace(facts, words=words)


def original_run(facts: DeploymentFacts) -> dict[str, Any]:
    """What `<+pipeline.originalExecution.NAME>` reads: the run that is being undone."""
    pipeline: dict[str, Any] = facts.recorded.get("pipeline", {})
    return {key: pipeline[key] for key in run_words(ExecutionKind.DEPLOYMENT, "", 0, "") if key in pipeline}


async def _words(reader: Reader, facts: DeploymentFacts, stage: StageFacts) -> dict[str, Any]:
    words = await stage_scope_words(reader, facts.mark.execution_id, stage.id)
    words["pipeline"] = {**words["pipeline"], "originalExecution": original_run(facts)}
    if stage.previous_artifact is not None:
        words["rollbackArtifact"] = words_of(stage.previous_artifact)
    return words


def _reads(stage: StageFacts) -> bool:
    return stage.planned.condition is not None or any(
        step.conditions or "<+" in str(step.spec) for step in steps_in(stage.planned.rollback_steps)
    )
