"""What generic steps are given and give back. Imports the expressions and the kinds of failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, JsonValue

from pipelines.documents.failure import FailureKind
from pipelines.expressions import Scope
from providers.values import Progress


class StepFailed(Exception):
    """The step did not do what it should. `message` is masked and fit to be shown; strategies go by `kind`."""

    def __init__(self, message: str, kind: FailureKind = FailureKind.UNKNOWN) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind


@dataclass(frozen=True)
class StepContext:
    """What a step may read, how long it may take (seconds), and whom it tells how far it is."""

    scope: Scope
    timeout: float
    report: Callable[[Progress], Awaitable[None]]


@dataclass(frozen=True)
class StepResult:
    """What expressions read as `steps.ID.output`, and the end of what the step printed; secrets are masked."""

    outputs: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    output: str = ""


@dataclass(frozen=True)
class GenericStep:
    """A step type: the model of its unrendered `spec`, and what runs it (given an instance of that model)."""

    spec_model: type[BaseModel]
    run: Callable[[Any, StepContext], Awaitable[StepResult]]
