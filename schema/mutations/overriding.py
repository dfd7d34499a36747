"""Reasons that a caller wants set aside."""

import strawberry

from pipelines.overriding import Override
from rollback.values import ReasonCode
from schema.inputs import given, text


@strawberry.input(description="A reason to set aside, with permission.")
class RollbackOverrideInput:
    code: ReasonCode = strawberry.field(description="Which reason; it must be overridable.")
    justification: str = strawberry.field(description="Why it may be set aside; kept with the execution.")


def overrides_of(wanted: list[RollbackOverrideInput] | None) -> tuple[Override, ...]:
    """The overrides as the floors below take them; InputRefused where no database could hold a justification."""
    return tuple(Override(one.code.value, text(one.justification) or "") for one in given(wanted) or [])


def overrides_text(wanted: list[RollbackOverrideInput] | None) -> list[str] | None:
    """What the audit log is told of them; None where there are none."""
    return [f"{one.code}: {one.justification}" for one in given(wanted) or []] or None
