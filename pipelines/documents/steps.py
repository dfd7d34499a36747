"""Steps, step groups and parallel blocks. `spec` stays raw: it becomes typed after its expressions are rendered.

Imports the shared model base only.
"""

from typing import Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pipelines.documents.base import Description, Duration, Identifier, JsonObject, Model, Name, Some, Text, Word
from pipelines.documents.failure import FailureStrategy, StepCondition


class Step(Model):
    """One step. `timeout` in seconds. `spec` is the raw YAML mapping with its expressions unrendered."""

    identifier: Identifier
    name: Name
    type: Word
    description: Description | None = None
    timeout: Duration | None = None
    when: StepCondition = StepCondition()
    failure_strategies: tuple[FailureStrategy, ...] = ()
    spec: JsonObject = Field(default_factory=dict)


class StepGroup(Model):
    """Steps that share a condition and failure strategies."""

    identifier: Identifier
    name: Name
    description: Description | None = None
    when: StepCondition = StepCondition()
    failure_strategies: tuple[FailureStrategy, ...] = ()
    delegate_selectors: tuple[Text, ...] = ()
    steps: Some["StepEntry"]


class StepEntry(Model):
    """One item of a list of steps: exactly one of a step, a group, or entries that run side by side."""

    step: Step | None = None
    step_group: StepGroup | None = None
    parallel: Some["StepEntry"] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if [self.step, self.step_group, self.parallel].count(None) != 2:
            raise PydanticCustomError("one_of", 'an item of steps is one of "step", "stepGroup" or "parallel"')
        return self


class Execution(Model):
    """What a stage does, and what undoes it."""

    steps: Some[StepEntry]
    rollback_steps: tuple[StepEntry, ...] = ()
