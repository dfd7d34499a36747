"""Runs requests against the schema, the same way for every transport. Imports server.graphql_request."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.schema import BaseSchema
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType as Kind

from server.callers import Caller
from server.graphql_request import GraphQLRequest
from server.operations import NoOperation, selected_kind

QUERY_ONLY = frozenset({Kind.QUERY})
QUERY_AND_MUTATION = frozenset({Kind.QUERY, Kind.MUTATION})
ANY_KIND = frozenset(Kind)


class KindNotAllowed(Exception):
    """The operation is of a kind that this way of calling does not carry."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind.value)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Answer:
    """A GraphQL response. `executed` is false for a request error: `body` then has no `data`."""

    body: dict[str, Any]
    executed: bool

    @property
    def errors(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body.get("errors", [])
        return found


def refusal(message: str, code: str) -> Answer:
    """A request error in the form of a GraphQL response."""
    return Answer({"errors": [{"message": message, "extensions": {"code": code}}]}, executed=False)


@dataclass(frozen=True)
class GraphQLService:
    """The schema, and how to make the context of one operation (never shared: it carries the loaders' caches)."""

    schema: BaseSchema
    new_context: Callable[[Caller], object]

    async def execute(self, request: GraphQLRequest, kinds: frozenset[Kind], caller: Caller) -> Answer:
        """One answer to a query or mutation; KindNotAllowed for another kind than `kinds`."""
        refused = _refused(request, kinds)
        if refused is not None:
            return refused
        result = await self.schema.execute(
            request.query,
            variable_values=request.variables,
            context_value=self.new_context(caller),
            operation_name=request.operation_name,
            operation_extensions=request.extensions,
        )
        return _answer(result)

    async def stream(self, request: GraphQLRequest, caller: Caller) -> AsyncGenerator[Answer]:
        """Every answer to an operation of any kind, in order; ends with the operation."""
        refused = _refused(request, ANY_KIND)
        if refused is not None:
            yield refused
            return
        results = await self.schema.stream(
            request.query,
            variable_values=request.variables,
            context_value=self.new_context(caller),
            operation_name=request.operation_name,
            operation_extensions=request.extensions,
        )
        async with aclosing(results):
            try:
                async for result in results:
                    assert isinstance(result, ExecutionResult), "incremental delivery is off"
                    yield _answer(result)
            except GraphQLSyntaxError as error:
                # Raised instead of yielded where the document is over the schema's own limit.
                yield _request_error(error)


def _refused(request: GraphQLRequest, kinds: frozenset[Kind]) -> Answer | None:
    """Why no operation can be run; KindNotAllowed where it is only not of these kinds."""
    try:
        kind = selected_kind(request)
    except NoOperation as error:
        return refusal(str(error), "OPERATION_RESOLUTION_FAILURE")
    except GraphQLError as error:
        return _request_error(error)
    if kind not in kinds:
        raise KindNotAllowed(kind)
    return None


def _request_error(error: GraphQLError) -> Answer:
    return Answer({"errors": [_formatted(error, executed=False)]}, executed=False)


def _answer(result: ExecutionResult) -> Answer:
    errors = result.errors or []
    executed = not isinstance(result, PreExecutionError) and (
        result.data is not None or any(error.path for error in errors)
    )
    body: dict[str, Any] = {"data": result.data} if executed else {}
    if errors:
        body["errors"] = [_formatted(error, executed=executed) for error in errors]
    if result.extensions:
        body["extensions"] = result.extensions
    return Answer(body, executed)


def _formatted(error: GraphQLError, *, executed: bool) -> dict[str, Any]:
    formatted: dict[str, Any] = {**error.formatted}
    extensions: dict[str, Any] = {**(error.extensions or {})}
    if not executed and "code" not in extensions:
        extensions["code"] = _request_error_code(error)
        formatted["extensions"] = extensions
    return formatted


def _request_error_code(error: GraphQLError) -> str:
    if isinstance(error, GraphQLSyntaxError):
        return "GRAPHQL_PARSE_FAILED"
    return "BAD_USER_INPUT" if error.message.startswith("Variable ") else "GRAPHQL_VALIDATION_FAILED"
