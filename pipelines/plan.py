"""The plan: an immutable value that says what an execution will do. Preview shows it, the runner consumes it.

A deployment and a rollback are two plans for one runner.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from db.security.access import Standing
from db.statuses import ExecutionKind, StepPhase
from pipelines.documents.failure import ActionType, FailureKind, RunsAfter
from pipelines.documents.vocabulary import GENERIC_STEPS
from providers.values import DeploymentType, Value


class Strategy(Value):
    """One failure strategy: for `errors`, do `action`; Retry waits `intervals` (seconds) between its tries.

    When the retries are used up, `after_retries` is done, or where it is None the next strategy decides.
    """

    errors: tuple[FailureKind, ...] = (FailureKind.ALL_ERRORS,)
    action: ActionType
    retries: int = 0
    intervals: tuple[float, ...] = ()
    after_retries: ActionType | None = None

    def covers(self, error: FailureKind) -> bool:
        return FailureKind.ALL_ERRORS in self.errors or error in self.errors


class PlannedStep(Value):
    """A step with its unresolved spec. `timeout` in seconds; `strategies` nearest first."""

    kind: Literal["step"] = "step"
    id: str
    identifier: str
    name: str
    type: str
    phase: StepPhase
    timeout: float
    spec: dict[str, JsonValue]
    conditions: tuple[str, ...] = ()
    runs_after: RunsAfter = RunsAfter.SUCCESS
    strategies: tuple[Strategy, ...] = ()

    @property
    def at_platform(self) -> bool:
        """Whether a platform carries it."""
        return self.type not in GENERIC_STEPS


class PlannedSequence(Value):
    """Nodes one after another (a step group)."""

    kind: Literal["sequence"] = "sequence"
    identifier: str = ""
    nodes: tuple[Node, ...]


class PlannedParallel(Value):
    """Nodes at the same time."""

    kind: Literal["parallel"] = "parallel"
    nodes: tuple[Node, ...]


Node = Annotated[PlannedStep | PlannedSequence | PlannedParallel, Field(discriminator="kind")]


class PlannedStage(Value):
    """A stage: `steps` run; `rollback_steps` are what may undo them (now, on failure, or in a later rollback).

    Stages with one `position` run at the same time. `timeout` in seconds. A rollback names the stage it undoes
    in `original_stage_id`.
    """

    id: str
    identifier: str
    name: str
    position: int
    deployment_type: DeploymentType | None = None
    target_id: str | None = None
    timeout: float | None = None
    condition: str | None = None
    runs_after: RunsAfter = RunsAfter.SUCCESS
    variables: dict[str, JsonValue] = {}
    matrix: dict[str, JsonValue] | None = None
    steps: tuple[Node, ...]
    rollback_steps: tuple[Node, ...] = ()
    original_stage_id: str | None = None


class Plan(Value):
    """What one execution will do, in order. `timeout` in seconds, for the whole; `by` is who asked for it."""

    kind: ExecutionKind
    stages: tuple[PlannedStage, ...]
    timeout: float | None = None
    by: Standing | None = None

    def blocks(self) -> Iterator[tuple[PlannedStage, ...]]:
        """The stages in order, those that run at the same time together."""
        position = attrgetter("position")
        for _, block in groupby(sorted(self.stages, key=position), key=position):
            yield tuple(block)

    def stage(self, stage_id: str) -> PlannedStage:
        return next(stage for stage in self.stages if stage.id == stage_id)


def steps_in(nodes: tuple[Node, ...]) -> Iterator[PlannedStep]:
    """Every step below the nodes, in the order of the YAML."""
    for node in nodes:
        if isinstance(node, PlannedStep):
            yield node
        else:
            yield from steps_in(node.nodes)


def groups_of_steps(nodes: tuple[Node, ...], above: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The identifier of every step below the nodes with those of the groups around it, outermost first."""
    for node in nodes:
        if isinstance(node, PlannedStep):
            yield node.identifier, above
        elif isinstance(node, PlannedSequence) and node.identifier:
            yield from groups_of_steps(node.nodes, (*above, node.identifier))
        else:
            yield from groups_of_steps(node.nodes, above)
