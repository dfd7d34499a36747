"""Lays a pipeline document out as the plan of a deployment: matrices expanded, strategies inherited. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from db.columns import new_id
from db.statuses import StepPhase
from pipelines.documents.failure import FailureStrategy, RunsAfter, StepCondition
from pipelines.documents.pipeline import Pipeline
from pipelines.documents.stages import Stage, StageType
from pipelines.documents.steps import Step, StepEntry, StepGroup
from pipelines.plan import Node, PlannedParallel, PlannedSequence, PlannedStage, PlannedStep, Strategy

DEFAULT_STEP_TIMEOUT = 600.0


@dataclass(frozen=True)
class Use:
    """What a deployment stage names: identifiers, or expressions not yet resolved."""

    service: str
    environment: str
    infrastructure: str

    def rendered(self, render: Callable[[str], str]) -> Use:
        """The same with its expressions resolved."""
        return Use(render(self.service), render(self.environment), render(self.infrastructure))


@dataclass(frozen=True)
class LaidOut:
    """A stage of the plan with what it deploys where; `use` is None for stages that deploy nothing."""

    stage: PlannedStage
    use: Use | None


@dataclass(frozen=True)
class _Inherited:
    strategies: tuple[Strategy, ...]
    conditions: tuple[str, ...] = ()
    runs_after: RunsAfter = RunsAfter.SUCCESS

    def below(self, when: StepCondition, strategies: Sequence[FailureStrategy]) -> _Inherited:
        own = when.stage_status if "stage_status" in when.model_fields_set else self.runs_after
        return _Inherited(
            (*_strategies(strategies), *self.strategies),
            (*self.conditions, *((when.condition,) if when.condition else ())),
            own,
        )


def lay_out(pipeline: Pipeline) -> tuple[LaidOut, ...]:
    """The stages of a run of this pipeline, in order. Each call makes new identifiers."""
    laid_out: list[LaidOut] = []
    position = 0
    for entry in pipeline.stages:
        width = 1
        for stage in entry.members:
            for offset, matrix, index in _combinations(stage):
                laid_out.append(_stage(pipeline, stage, position + offset, matrix, index))
                width = max(width, offset + 1)
        position += width
    return tuple(laid_out)


def _combinations(stage: Stage) -> Iterator[tuple[int, dict[str, JsonValue] | None, int | None]]:
    """Each run of the stage: how many positions later it starts, its combination and its number."""
    if stage.strategy is None:
        yield 0, None, None
        return
    matrix = stage.strategy.matrix
    combinations = matrix.combinations()
    together = matrix.max_concurrency or len(combinations)
    for index, combination in enumerate(combinations):
        yield index // together, dict(combination), index


def _stage(
    pipeline: Pipeline, stage: Stage, position: int, matrix: dict[str, JsonValue] | None, index: int | None
) -> LaidOut:
    inherited = _Inherited((*_strategies(stage.failure_strategies), *_strategies(pipeline.failure_strategies)))
    execution = stage.spec.execution
    suffix = "" if index is None else f"_{index}"
    label = "" if matrix is None else f" ({', '.join(str(value) for value in matrix.values())})"
    planned = PlannedStage(
        id=new_id(),
        identifier=stage.identifier + suffix,
        name=stage.name + label,
        position=position,
        timeout=stage.timeout,
        condition=stage.when.condition,
        runs_after=stage.when.pipeline_status,
        variables={variable.name: variable.value for variable in stage.variables},
        matrix=matrix,
        steps=_nodes(execution.steps, StepPhase.FORWARD, inherited),
        rollback_steps=_nodes(execution.rollback_steps, StepPhase.ROLLBACK, _Inherited(())),
    )
    return LaidOut(planned, _use(stage))


def _use(stage: Stage) -> Use | None:
    spec = stage.spec
    if stage.type is not StageType.DEPLOYMENT or spec.service is None or spec.environment is None:
        return None
    return Use(
        spec.service.service_ref,
        spec.environment.environment_ref,
        spec.environment.infrastructure_definitions[0].identifier,
    )


def _nodes(entries: Sequence[StepEntry], phase: StepPhase, inherited: _Inherited) -> tuple[Node, ...]:
    return tuple(_node(entry, phase, inherited) for entry in entries)


def _node(entry: StepEntry, phase: StepPhase, inherited: _Inherited) -> Node:
    if entry.step is not None:
        return _step(entry.step, phase, inherited.below(entry.step.when, entry.step.failure_strategies))
    if entry.step_group is not None:
        group: StepGroup = entry.step_group
        return PlannedSequence(
            identifier=group.identifier,
            nodes=_nodes(group.steps, phase, inherited.below(group.when, group.failure_strategies)),
        )
    return PlannedParallel(nodes=_nodes(entry.parallel or (), phase, inherited))


def _step(step: Step, phase: StepPhase, inherited: _Inherited) -> PlannedStep:
    return PlannedStep(
        id=new_id(),
        identifier=step.identifier,
        name=step.name,
        type=step.type,
        phase=phase,
        timeout=step.timeout or DEFAULT_STEP_TIMEOUT,
        spec=step.spec,
        conditions=inherited.conditions,
        runs_after=inherited.runs_after,
        strategies=inherited.strategies,
    )


def _strategies(strategies: Sequence[FailureStrategy]) -> tuple[Strategy, ...]:
    return tuple(_strategy(strategy) for strategy in strategies)


def _strategy(strategy: FailureStrategy) -> Strategy:
    action = strategy.on_failure.action
    retry = action.spec
    after = retry.on_retry_failure if retry else None
    planned = Strategy(errors=strategy.on_failure.errors, action=action.type)
    if retry is None:
        return planned
    return planned.model_copy(
        update={
            "retries": retry.retry_count if isinstance(retry.retry_count, int) else 1,
            "intervals": tuple(float(interval) for interval in retry.retry_intervals),
            "after_retries": after.action.type if after else None,
        }
    )
