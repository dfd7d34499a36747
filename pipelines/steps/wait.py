"""How long a Wait step waits; the runner does the waiting, because only it can sleep durably."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue, ValidationError

from pipelines.documents.generic_steps import WaitSpec
from pipelines.expressions import Scope
from pipelines.steps.texts import Texts
from pipelines.steps.values import StepFailed


def wait_seconds(spec: Mapping[str, JsonValue], scope: Scope | None = None) -> float:
    """The seconds that the unrendered `spec` of a Wait step asks for. Raises StepFailed."""
    try:
        duration = WaitSpec.model_validate(spec).duration
        if isinstance(duration, str):
            rendered = Texts(scope or Scope()).render(duration)
            duration = WaitSpec.model_validate({"duration": rendered}).duration
    except ValidationError as error:
        raise StepFailed(f"The duration of the Wait step cannot be used: {error.errors()[0]['msg']}.") from error
    if isinstance(duration, str):
        raise StepFailed("The duration of the Wait step is an expression that gives an expression.")
    return float(duration)
