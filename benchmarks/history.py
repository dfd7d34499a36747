"""Rows of what ran, a table at a time."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.sizes import (
    START,
    Kind,
    Row,
    Size,
    environment_id,
    environment_number,
    execution_id,
    identifier,
    moment,
    service_id,
    target_number,
)
from db.statuses import (
    EventType,
    ExecutionKind,
    ExecutionStatus,
    RollbackStatus,
    StageStatus,
    StepPhase,
    StepStatus,
)
from providers.values import DeploymentType

STEPS_PER_STAGE = 2
_SNAPSHOT = {"version": 1, "existed": True, "objects": [{"kind": "Deployment", "spec": "x" * 1500}]}


def _plan(size: Size, number: int, undoes: bool) -> Row:
    """As the engine freezes it: each stage with its steps and one rollback step."""
    run, service = divmod(number, size.services)
    stages: list[Row] = []
    for ordinal in range(size.stages):
        stage = number * size.stages + ordinal
        environment = environment_number(size, run, ordinal)
        steps = [
            _step(identifier(Kind.STEP, stage * STEPS_PER_STAGE + one), one) for one in range(STEPS_PER_STAGE)
        ]
        stages.append(
            {
                "id": identifier(Kind.STAGE, stage),
                "identifier": f"stage{ordinal}",
                "name": f"Stage {ordinal}",
                "position": ordinal,
                "deployment_type": DeploymentType.KUBERNETES,
                "target_id": identifier(Kind.TARGET, target_number(size, service, environment)),
                "steps": steps,
                "rollback_steps": [
                    {**_step(identifier(Kind.STEP, 10**11 + stage), 0), "phase": StepPhase.ROLLBACK}
                ],
            }
        )
    return {"kind": ExecutionKind.ROLLBACK if undoes else ExecutionKind.DEPLOYMENT, "stages": stages}


def _step(step_id: str, ordinal: int) -> Row:
    return {
        "kind": "step",
        "id": step_id,
        "identifier": f"step{ordinal}",
        "name": f"Step {ordinal}",
        "type": "Wait",
        "phase": StepPhase.FORWARD,
        "timeout": 600.0,
        "spec": {"duration": "1s"},
    }


def executions(size: Size) -> Iterator[Row]:
    """Run `r` of service `s` is execution `r * services + s`; every tenth undoes the one before it."""
    for number in range(size.executions):
        run, service = divmod(number, size.services)
        undoes = run % 10 == 9
        yield {
            "id": execution_id(number),
            "kind": ExecutionKind.ROLLBACK if undoes else ExecutionKind.DEPLOYMENT,
            "sequence_id": run + 1,
            "pipeline_id": identifier(Kind.PIPELINE, service),
            "status": ExecutionStatus.FAILED if run % 10 == 4 else ExecutionStatus.SUCCEEDED,
            "rollback_status": RollbackStatus.SUCCESS if run % 10 == 8 else RollbackStatus.NOT_STARTED,
            "triggered_by": "benchmark",
            "reason": None,
            "yaml": "pipeline: {}\n" * 50,
            "plan": _plan(size, number, undoes),
            "recorded": {},
            "original_execution_id": execution_id(number - size.services) if undoes else None,
            "attempt": 1,
            "abort_requested": False,
            "abort_reason": None,
            "last_sequence": 2 + size.stages * 4,
            "created_at": moment(number),
            "started_at": moment(number),
            "finished_at": moment(number + 60),
        }


def stages(size: Size) -> Iterator[Row]:
    for number in range(size.executions * size.stages):
        execution, ordinal = divmod(number, size.stages)
        run, service = divmod(execution, size.services)
        environment = environment_number(size, run, ordinal)
        artifact = {"display_name": f"service{service}:{run}", "tag": str(run)}
        yield {
            "id": identifier(Kind.STAGE, number),
            "execution_id": execution_id(execution),
            "ordinal": ordinal,
            "position": ordinal,
            "identifier": f"stage{ordinal}",
            "name": f"Stage {ordinal}",
            "status": StageStatus.SUCCEEDED,
            "status_reason": None,
            "rollback_status": RollbackStatus.SUCCESS if run % 10 == 8 else RollbackStatus.NOT_STARTED,
            "deployment_type": DeploymentType.KUBERNETES,
            "target_id": identifier(Kind.TARGET, target_number(size, service, environment)),
            "service_id": service_id(service),
            "environment_id": environment_id(environment),
            "infrastructure_id": identifier(Kind.INFRASTRUCTURE, environment),
            "original_stage_id": None,
            "matrix": None,
            "artifact": artifact,
            "previous_artifact": artifact,
            "resolved": {"spec": "x" * 500},
            "snapshot": _SNAPSHOT,
            "left_groups": [],
            "started_at": moment(execution),
            "finished_at": moment(execution + 30),
        }


def steps(size: Size) -> Iterator[Row]:
    for number in range(size.executions * size.stages * STEPS_PER_STAGE):
        stage, ordinal = divmod(number, STEPS_PER_STAGE)
        yield {
            "id": identifier(Kind.STEP, number),
            "stage_id": identifier(Kind.STAGE, stage),
            "ordinal": ordinal,
            "phase": StepPhase.FORWARD,
            "identifier": f"step{ordinal}",
            "name": f"Step {ordinal}",
            "type": "Wait",
            "at_platform": False,
            "status": StepStatus.SUCCEEDED,
            "status_reason": None,
            "outputs": {"value": ordinal},
            "started_at": START,
            "finished_at": START,
        }


def events(size: Size) -> Iterator[Row]:
    """Per execution: begun, for each stage begun, a step begun and ended, ended; and the end."""
    for number in range(size.executions):
        happened: list[tuple[EventType, int | None, str]] = [
            (EventType.EXECUTION_STATUS_CHANGED, None, ExecutionStatus.RUNNING)
        ]
        for ordinal in range(size.stages):
            stage = number * size.stages + ordinal
            happened += [
                (EventType.STAGE_STATUS_CHANGED, stage, StageStatus.RUNNING),
                (EventType.STEP_STATUS_CHANGED, stage, StepStatus.RUNNING),
                (EventType.STEP_STATUS_CHANGED, stage, StepStatus.SUCCEEDED),
                (EventType.STAGE_STATUS_CHANGED, stage, StageStatus.SUCCEEDED),
            ]
        happened.append((EventType.EXECUTION_STATUS_CHANGED, None, ExecutionStatus.SUCCEEDED))
        for sequence, (kind, stage, status) in enumerate(happened, 1):
            step = None if stage is None or kind is not EventType.STEP_STATUS_CHANGED else stage * STEPS_PER_STAGE
            yield {
                "execution_id": execution_id(number),
                "sequence": sequence,
                "occurred_at": moment(number),
                "type": kind,
                "stage_id": None if stage is None else identifier(Kind.STAGE, stage),
                "step_id": None if step is None else identifier(Kind.STEP, step),
                "status": status,
                "message": None,
                "ready": None,
                "desired": None,
            }
