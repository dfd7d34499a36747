"""Stages, parallel blocks of stages and their matrices. Imports the shared model base only."""

from enum import StrEnum
from typing import Self, cast

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pipelines.documents.base import (
    Description,
    Duration,
    Identifier,
    Model,
    Name,
    One,
    Reference,
    Runs,
    Some,
    Tags,
    Text,
    Word,
)
from pipelines.documents.failure import FailureStrategy, StageCondition
from pipelines.documents.steps import Execution
from pipelines.documents.variables import Variable


class StageType(StrEnum):
    """A Deployment changes a target; a Custom stage only runs generic steps."""

    DEPLOYMENT = "Deployment"
    CUSTOM = "Custom"


class ServiceUse(Model):
    """The service that a stage deploys: an identifier, or an expression."""

    service_ref: Reference


class InfrastructureUse(Model):
    """The infrastructure that a stage deploys to: an identifier, or an expression."""

    identifier: Reference


class EnvironmentUse(Model):
    """The environment and the one place in it; several places are written as a matrix."""

    environment_ref: Reference
    deploy_to_all: bool = False
    infrastructure_definitions: One[InfrastructureUse]

    @model_validator(mode="after")
    def _not_all(self) -> Self:
        if self.deploy_to_all:
            raise PydanticCustomError("deploy_to_all", "deployToAll is not supported; name one infrastructure")
        return self


class StageSpec(Model):
    """What a stage deploys where, and how."""

    deployment_type: Word | None = None
    service: ServiceUse | None = None
    environment: EnvironmentUse | None = None
    execution: Execution


class Matrix(Model):
    """One run of the stage per combination of the axes, without those that `exclude` names."""

    axes: dict[Identifier, tuple[Text, ...]]
    exclude: tuple[dict[str, str], ...] = ()
    max_concurrency: Runs | None = None

    @model_validator(mode="before")
    @classmethod
    def _gather_axes(cls, value: object) -> object:
        """In the YAML every key of a matrix that is not an option is an axis."""
        if not isinstance(value, dict):
            return value
        given = cast("dict[str, object]", value)
        options = {key: item for key, item in given.items() if key in {"exclude", "maxConcurrency"}}
        return {**options, "axes": {key: item for key, item in given.items() if key not in options}}

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        count = 1
        for name, values in self.axes.items():
            if not values:
                raise PydanticCustomError("empty_axis", 'the axis "{name}" has no values', {"name": name})
            count *= len(values)
        if not self.axes or count > 256:
            raise PydanticCustomError("matrix_size", "a matrix has between 1 and 256 combinations")
        strangers = sorted({key for excluded in self.exclude for key in excluded} - set(self.axes))
        if strangers:
            raise PydanticCustomError(
                "exclude", 'exclude names "{name}", which is no axis', {"name": strangers[0]}
            )
        if not self.combinations():
            raise PydanticCustomError("matrix_size", "exclude leaves no combination to run")
        return self

    def combinations(self) -> tuple[dict[str, str], ...]:
        """The combinations in written order, the last axis changing fastest."""
        found: list[dict[str, str]] = [{}]
        for name, values in self.axes.items():
            found = [{**combination, name: value} for combination in found for value in values]
        return tuple(
            combination
            for combination in found
            if not any(excluded.items() <= combination.items() for excluded in self.exclude if excluded)
        )


class Strategy(Model):
    """How often a stage runs."""

    matrix: Matrix


class Stage(Model):
    """One stage. `timeout` in seconds."""

    identifier: Identifier
    name: Name
    type: StageType
    description: Description | None = None
    tags: Tags = Field(default_factory=dict)
    when: StageCondition = StageCondition()
    failure_strategies: tuple[FailureStrategy, ...] = ()
    variables: tuple[Variable, ...] = ()
    timeout: Duration | None = None
    strategy: Strategy | None = None
    delegate_selectors: tuple[Text, ...] = ()
    spec: StageSpec


class StageEntry(Model):
    """One item of the list of stages: exactly one of a stage, or stages that run side by side."""

    stage: Stage | None = None
    parallel: Some["StageEntry"] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.stage is None) == (self.parallel is None):
            raise PydanticCustomError("one_of", 'an item of stages is one of "stage" or "parallel"')
        if self.parallel is not None and any(entry.stage is None for entry in self.parallel):
            raise PydanticCustomError("one_of", 'inside "parallel" every item is a "stage"')
        return self

    @property
    def members(self) -> tuple[Stage, ...]:
        """The stage, or the stages of the parallel block, in written order."""
        if self.stage is not None:
            return (self.stage,)
        return tuple(entry.stage for entry in self.parallel or () if entry.stage is not None)
