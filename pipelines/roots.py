"""What expressions can read, as plain JSON words: of the pipeline, of a stage, of the steps that ran. Pure.

An execution records these words; a rollback resolves its expressions from the record, never from today's state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from db.statuses import ExecutionKind, StepPhase
from pipelines.documents.environment import Environment
from pipelines.documents.service import Service
from pipelines.expressions import infrastructure_key
from pipelines.plan import PlannedStage, groups_of_steps

Words = dict[str, Any]

_MODES = {ExecutionKind.DEPLOYMENT: "NORMAL", ExecutionKind.ROLLBACK: "POST_EXECUTION_ROLLBACK"}
_LISTS = {StepPhase.FORWARD: "steps", StepPhase.ROLLBACK: "rollbackSteps"}


def pipeline_words(identifier: str, name: str, variables: Mapping[str, Any], run: Words) -> Words:
    """The words below `pipeline.`; `run` is what `run_words` gives."""
    return {"identifier": identifier, "name": name, "variables": dict(variables), **run}


def run_words(kind: ExecutionKind, execution_id: str, sequence_id: int, subject: str) -> Words:
    """What identifies one run of a pipeline."""
    return {
        "sequenceId": str(sequence_id),
        "executionId": execution_id,
        "executionMode": _MODES[kind],
        "triggeredBy": {"name": subject, "identifier": subject},
    }


def stage_words(stage: PlannedStage) -> Words:
    """The words a stage has before anything is resolved."""
    words: Words = {"stage": {"identifier": stage.identifier, "name": stage.name, "variables": stage.variables}}
    return words | ({"matrix": stage.matrix} if stage.matrix else {})


def service_words(service: Service) -> Words:
    return {
        "identifier": service.identifier,
        "name": service.name,
        "description": service.description or "",
        "type": service.deployment_type,
        "tags": service.tags,
    }


def environment_words(environment: Environment, variables: Mapping[str, Any]) -> Words:
    return {
        "identifier": environment.identifier,
        "name": environment.name,
        "description": environment.description or "",
        "type": environment.type.value,
        "tags": environment.tags,
        "variables": dict(variables),
    }


def target_key_words(service: str, environment: str, infrastructure: str) -> Words:
    """A stable key of a target, for names at a platform: the same on every run and every installation."""
    key = infrastructure_key(service, environment, infrastructure)
    return {"INFRA_KEY": key.key, "INFRA_KEY_SHORT_ID": key.short_id}


def steps_words(stage: PlannedStage, steps: Iterable[tuple[StepPhase, str, Words]]) -> Words:
    """The words of a stage's steps, given each step's phase, identifier and outputs: `{steps: {ID: {output}}}`.

    A step in a group is found below the group too: `{steps: {GROUP: {steps: {ID: {output}}}}}`.
    """
    groups = {
        StepPhase.FORWARD: dict(groups_of_steps(stage.steps)),
        StepPhase.ROLLBACK: dict(groups_of_steps(stage.rollback_steps)),
    }
    words: Words = {name: {} for name in _LISTS.values()}
    for phase, identifier, outputs in steps:
        found: Words = {"identifier": identifier, "output": outputs}
        place: Words = words[_LISTS[phase]]
        place[identifier] = found
        for group in groups[phase].get(identifier, ()):
            place = place.setdefault(group, {"identifier": group, "steps": {}})["steps"]
        place[identifier] = found
    return words
