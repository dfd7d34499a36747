"""Runs requests against the schema, the same way for every transport. Imports server.graphql_request."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError, OperationDefinitionNode, OperationType, parse
from strawberry.exceptions import MissingQueryError
from strawberry.schema import BaseSchema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType as Kind

from server.graphql_request import GraphQLRequest

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
    new_context: Callable[[], object]

    async def execute(self, request: GraphQLRequest, kinds: frozenset[Kind]) -> Answer:
        """One answer to a query or mutation; KindNotAllowed for another kind than `kinds`."""
        if _leaves_the_choice(request):
            return _AMBIGUOUS
        try:
            result = await self.schema.execute(
                request.query,
                variable_values=request.variables,
                context_value=self.new_context(),
                operation_name=request.operation_name,
                allowed_operation_types=kinds,
                operation_extensions=request.extensions,
            )
        except InvalidOperationTypeError as error:
            raise KindNotAllowed(operation_kind(request) or Kind.MUTATION) from error
        except CannotGetOperationTypeError as error:
            return refusal(error.as_http_error_reason(), "OPERATION_RESOLUTION_FAILURE")
        except MissingQueryError:
            return refusal("Syntax Error: Unexpected <EOF>.", "GRAPHQL_PARSE_FAILED")
        return _answer(result)

    async def stream(self, request: GraphQLRequest) -> AsyncGenerator[Answer]:
        """Every answer to an operation of any kind, in order; ends with the operation."""
        if _leaves_the_choice(request):
            yield _AMBIGUOUS
            return
        results = await self.schema.stream(
            request.query,
            variable_values=request.variables,
            context_value=self.new_context(),
            operation_name=request.operation_name,
            operation_extensions=request.extensions,
        )
        async with aclosing(results):
            async for result in results:
                assert isinstance(result, ExecutionResult), "incremental delivery is off"
                yield _answer(result)


def operation_kind(request: GraphQLRequest) -> Kind | None:
    """The kind of the operation that a request selects; None where none is, or the document does not parse."""
    for operation in _operations(request.query):
        if request.operation_name is None or (operation.name and operation.name.value == request.operation_name):
            return _KINDS[operation.operation]
    return None


def _leaves_the_choice(request: GraphQLRequest) -> bool:
    """Whether a document has several operations and the request names none: strawberry would run the first."""
    if request.operation_name is not None or len(_OPERATION_WORD.findall(request.query)) < 2:
        return False
    return len(_operations(request.query)) > 1


def _operations(query: str) -> list[OperationDefinitionNode]:
    try:
        definitions = parse(query, no_location=True).definitions
    except (GraphQLError, RecursionError):
        return []
    return [node for node in definitions if isinstance(node, OperationDefinitionNode)]


_OPERATION_WORD = re.compile(r"\b(?:query|mutation|subscription)\b")
_AMBIGUOUS = refusal(
    "The document has several operations: name the one to run in `operationName`.", "OPERATION_RESOLUTION_FAILURE"
)
_KINDS = {
    OperationType.QUERY: Kind.QUERY,
    OperationType.MUTATION: Kind.MUTATION,
    OperationType.SUBSCRIPTION: Kind.SUBSCRIPTION,
}


def _answer(result: ExecutionResult) -> Answer:
    errors = result.errors or []
    executed = not isinstance(result, PreExecutionError) and (
        result.data is not None or any(error.path for error in errors)
    )
    body: dict[str, Any] = {"data": result.data} if executed else {}
    if errors:
        body["errors"] = [_formatted(error, executed) for error in errors]
    if result.extensions:
        body["extensions"] = result.extensions
    return Answer(body, executed)


def _formatted(error: GraphQLError, executed: bool) -> dict[str, Any]:
    formatted: dict[str, Any] = {**error.formatted}
    extensions: dict[str, Any] = {**(error.extensions or {})}
    if not executed and "code" not in extensions:
        extensions["code"] = _request_error_code(error)
        formatted["extensions"] = extensions
    return formatted


def _request_error_code(error: GraphQLError) -> str:
    if isinstance(error, GraphQLSyntaxError):
        return "GRAPHQL_PARSE_FAILED"
    if isinstance(error.original_error, CannotGetOperationTypeError):
        return "OPERATION_RESOLUTION_FAILURE"
    return "BAD_USER_INPUT" if error.message.startswith("Variable ") else "GRAPHQL_VALIDATION_FAILED"
