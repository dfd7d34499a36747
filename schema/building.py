"""Puts the schema together."""

from functools import cache

import strawberry
from graphql import ASTValidationRule, GraphQLError, NoSchemaIntrospectionCustomRule
from strawberry.extensions import AddValidationRules, MaxTokensLimiter, ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from schema.errors import coded
from schema.executing import Executor
from schema.limits import MOST_TOKENS, ShapeLimits
from schema.mutation import Mutation
from schema.query import Query
from schema.subscription import Subscription
from schema.types.details import IMPLEMENTATIONS
from schema.types.events import (
    ExecutionStatusChanged,
    StageStatusChanged,
    StepProgressed,
    StepStatusChanged,
)

_CACHED_DOCUMENTS = 256


class _Schema(strawberry.Schema):
    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,  # noqa: ARG002 - the overridden method's name
    ) -> None:
        """Make each error fit to be seen, on every transport."""
        errors[:] = coded(errors)


@cache
def build(*, introspection: bool = True) -> strawberry.Schema:
    """The schema of this process. Without `introspection` no answer tells of fields that were not asked for."""
    rules: list[type[ASTValidationRule]] = [ShapeLimits]
    if not introspection:
        rules.append(NoSchemaIntrospectionCustomRule)
    return _Schema(
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
        extensions=[
            lambda: MaxTokensLimiter(max_token_count=MOST_TOKENS),
            lambda: AddValidationRules(rules),
            lambda: ParserCache(maxsize=_CACHED_DOCUMENTS),
            lambda: ValidationCache(maxsize=_CACHED_DOCUMENTS),
        ],
        config=StrawberryConfig(disable_field_suggestions=not introspection),
        execution_context_class=Executor,
    )


def sdl() -> str:
    """The schema in its own language, as committed in schema/schema.graphql."""
    return build().as_str() + "\n"
