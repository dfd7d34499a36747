"""Reasons that were set aside for an execution."""

from collections.abc import Sequence
from typing import Any

import strawberry

from rollback.values import ReasonCode


@strawberry.type(description="A reason that was set aside for an execution, with permission.")
class Override:
    code: ReasonCode = strawberry.field(description="Which reason.")
    justification: str = strawberry.field(description="Why, as the one who asked for the execution said.")
    set_aside: list[str] = strawberry.field(description="What it was that was set aside, in words.")

    @classmethod
    def of_all(cls, kept: Sequence[dict[str, Any]] | None) -> list["Override"]:
        """What an execution keeps of them."""
        return [
            cls(code=ReasonCode(one["code"]), justification=one["justification"], set_aside=one["setAside"])
            for one in kept or ()
        ]
