"""Turns the plan into the rows of an execution."""

from __future__ import annotations

from db.statuses import StepStatus
from db.tables import Stage, Step
from pipelines.plan import PlannedStage, PlannedStep, steps_in


def stage_row(execution_id: str, ordinal: int, stage: PlannedStage, **columns: object) -> Stage:
    """A pending stage; `columns` are the ones that the plan does not know."""
    return Stage.model_validate(
        {
            "id": stage.id,
            "execution_id": execution_id,
            "ordinal": ordinal,
            "position": stage.position,
            "identifier": stage.identifier,
            "name": stage.name,
            "deployment_type": stage.deployment_type,
            "target_id": stage.target_id,
            "matrix": stage.matrix,
            "original_stage_id": stage.original_stage_id,
            **columns,
        }
    )


def step_rows(stage: PlannedStage, *, undoing: bool) -> list[Step]:
    """The pending steps that the stage will run."""
    nodes = stage.rollback_steps if undoing else stage.steps
    return [step_row(stage.id, step, ordinal) for ordinal, step in enumerate(steps_in(nodes))]


def step_row(stage_id: str, step: PlannedStep, ordinal: int) -> Step:
    return Step(
        id=step.id,
        stage_id=stage_id,
        ordinal=ordinal,
        phase=step.phase,
        identifier=step.identifier,
        name=step.name,
        type=step.type,
        at_platform=step.at_platform,
        status=StepStatus.PENDING,
    )
