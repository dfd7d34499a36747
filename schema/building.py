"""Puts the schema together."""

from functools import cache
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from schema.discretion import hush
from schema.documents import Documents
from schema.errors import coded
from schema.executing import MOST_ROWS, Executor
from schema.guard import Guard
from schema.limits import Policy
from schema.mutation import Mutation
from schema.pacing import Pace
from schema.query import Query
from schema.subscription import Subscription
from schema.types.details import IMPLEMENTATIONS
from schema.types.events import (
    ExecutionStatusChanged,
    StageStatusChanged,
    StepProgressed,
    StepStatusChanged,
)

OPEN = Policy()
"""For development: the schema may be read."""


class Schema(strawberry.Schema):
    """The schema under a policy; `documents` reads what it may run, at `pace` it completes lists."""

    def __init__(self, *, policy: Policy, pace: Pace, **parts: Any) -> None:
        self.pace = pace
        library: Any = super()
        library.__init__(extensions=[lambda: Guard(self.documents)], **parts)
        core: GraphQLSchema = getattr(self, "_schema")  # noqa: B009 - strawberry has no public name for it
        self.documents = Documents(core, policy)

    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,  # noqa: ARG002 - the overridden method's name
    ) -> None:
        """Make each error fit to be seen, on every transport."""
        errors[:] = coded(errors)
        if not self.documents.policy.open:
            hush(errors, self.documents.schema.type_map)

    def _get_custom_context_kwargs(
        self, operation_extensions: dict[str, Any] | None = None, *, sync: bool = False
    ) -> dict[str, Any]:
        """The library looks for what was perhaps meant, which takes its time, only where it may be told."""
        parts = super()._get_custom_context_kwargs(operation_extensions, sync=sync)
        return {**parts, "hide_suggestions": not self.documents.policy.open}


@cache
def build(policy: Policy = OPEN) -> Schema:
    """The schema of this process."""
    pace = Pace()
    executor = type("Executor", (Executor,), {"most": MOST_ROWS * policy.limits.max_nodes, "pace": pace})
    return Schema(
        policy=policy,
        pace=pace,
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[
            *IMPLEMENTATIONS,
            ExecutionStatusChanged,
            StageStatusChanged,
            StepStatusChanged,
            StepProgressed,
        ],
        config=StrawberryConfig(),
        execution_context_class=executor,
    )


def sdl() -> str:
    """The schema in its own language, as committed in schema/schema.graphql."""
    return build().as_str() + "\n"
