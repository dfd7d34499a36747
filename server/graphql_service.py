"""Runs requests against the schema, the same way for every transport. Imports its neighbours."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.schema import BaseSchema
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType as Kind

from providers.tracing import TRACING
from providers.tracing import Kind as SpanKind
from schema.documents import Document, Documents, Operation
from server.callers import Caller
from server.graphql_request import GraphQLRequest
from server.operations import NoOperation, kind_of, selected
from server.rates import Rates
from server.turns import Crowded, Turns

_LONGEST_NAME = 100
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
    """A GraphQL response. `executed` is false for a request error: `body` then has no `data`.

    `retry_after`: it is the load's fault, and may be sent again in so many seconds.
    """

    body: dict[str, Any]
    executed: bool
    retry_after: int | None = None

    @property
    def errors(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body.get("errors", [])
        return found


def refusal(message: str, code: str) -> Answer:
    """A request error in the form of a GraphQL response."""
    return Answer({"errors": [{"message": message, "extensions": {"code": code}}]}, executed=False)


def too_often(seconds: float) -> Answer:
    """The refusal of a caller who may ask again so many seconds later."""
    later = ceil(seconds)
    extensions = {"code": "RATE_LIMITED", "retryAfter": later}
    message = f"You ask too often; try again in {later} s."
    return Answer({"errors": [{"message": message, "extensions": extensions}]}, executed=False, retry_after=later)


@dataclass(frozen=True)
class Load:
    """What keeps one client from taking it all: how often each may ask, and whose turn it is."""

    rates: Rates
    turns: Turns


@dataclass(frozen=True)
class GraphQLService:
    """The schema, and how to make the context of one operation (never shared: it carries the loaders' caches)."""

    schema: BaseSchema
    documents: Documents
    load: Load
    new_context: Callable[[Caller, Document], object]

    def wait(self, request: GraphQLRequest, caller: Caller) -> float:
        """Seconds until this caller may ask for that; 0 counts as having asked.

        What may be a mutation is counted apart, by its text: a dashboard that asks too often must not keep its
        user from a rollback.
        """
        subject = caller.token.id if caller.token else (caller.subject, caller.address)
        return self.load.rates.wait((subject, "mutation" in request.query))

    async def kind(self, request: GraphQLRequest) -> Kind | None:
        """The kind of the operation that a request selects; None where there is none."""
        document = await self._read(request.query)
        try:
            return kind_of(selected(document, request.operation_name))
        except NoOperation:
            return None

    async def execute(self, request: GraphQLRequest, kinds: frozenset[Kind], caller: Caller) -> Answer:
        """One answer to a query or mutation; KindNotAllowed for another kind than `kinds`."""
        document = await self._read(request.query)
        operation = _chosen(document, request, kinds)
        if isinstance(operation, Answer):
            return operation
        with TRACING.span(*_spanned(operation)) as span:
            answer = await self._execute(document, operation, request, caller)
            if answer.errors:
                span.end(answer.errors[0].get("extensions", {}).get("code", "UNEXPECTED"))
        return answer

    async def _read(self, text: str) -> Document:
        """The document; what cannot be a mutation waits while a rollback is taken in: reading takes time."""
        if "mutation" not in text:
            await self.load.turns.calm()
        return await self.documents.read(text)

    async def _execute(
        self, document: Document, operation: Operation, request: GraphQLRequest, caller: Caller
    ) -> Answer:
        async with self._turn(document, operation, request) as turn:
            if not turn:
                return _CROWDED
            result = await self.schema.execute(
                request.query,
                variable_values=request.variables,
                context_value=self.new_context(caller, document),
                operation_name=request.operation_name,
                operation_extensions=request.extensions,
            )
        return _answer(result)

    async def stream(self, request: GraphQLRequest, caller: Caller) -> AsyncGenerator[Answer]:
        """Every answer to an operation of any kind, in order; ends with the operation."""
        document = await self._read(request.query)
        operation = _chosen(document, request, ANY_KIND)
        if isinstance(operation, Answer):
            yield operation
            return
        if kind_of(operation) is not Kind.SUBSCRIPTION:
            yield await self.execute(request, QUERY_AND_MUTATION, caller)
            return
        span = TRACING.begin(*_spanned(operation))
        try:
            results = await self.schema.stream(
                request.query,
                variable_values=request.variables,
                context_value=self.new_context(caller, document),
                operation_name=request.operation_name,
                operation_extensions=request.extensions,
            )
            async with aclosing(results):
                async for result in results:
                    assert isinstance(result, ExecutionResult), "incremental delivery is off"
                    yield _answer(result)
        finally:
            span.end()

    @asynccontextmanager
    async def _turn(
        self, document: Document, operation: Operation, request: GraphQLRequest
    ) -> AsyncGenerator[bool]:
        """Whether the operation may run now; mutations always may."""
        if kind_of(operation) is Kind.MUTATION:
            urgent = operation.roots & _URGENT
            with self.load.turns.urgent() if urgent else nullcontext():
                yield True
            return
        cost = self.documents.cost(document, request.operation_name, request.variables)
        try:
            await self.load.turns.enter(cost.nodes)
        except Crowded:
            yield False
            return
        try:
            yield True
        finally:
            self.load.turns.leave(cost.nodes)


_CROWDED = replace(refusal("Too much is asked for at once; try again.", "OVERLOADED"), retry_after=1)
# What stops or undoes something goes before whatever else is asked for.
_URGENT = frozenset({"rollbackDeployment", "abortExecution"})


def _chosen(document: Document, request: GraphQLRequest, kinds: frozenset[Kind]) -> Operation | Answer:
    """The operation to run, or why there is none; KindNotAllowed where it is only not of these kinds."""
    if document.tree is None:
        return _request_error(*document.errors)
    try:
        operation = selected(document, request.operation_name)
    except NoOperation as error:
        return refusal(str(error), "OPERATION_RESOLUTION_FAILURE")
    kind = kind_of(operation)
    if kind not in kinds:
        raise KindNotAllowed(kind)
    return _request_error(*document.errors) if document.errors else operation


def _spanned(operation: Operation) -> tuple[str, SpanKind, dict[str, str | None]]:
    """A span's name and facts: in the name only the schema's words, of which there are not many."""
    kind = kind_of(operation).value
    (one, *others) = sorted(operation.roots) or ("",)
    name = kind if others or not one else f"{kind} {one}"
    named = {"graphql.operation.type": kind, "graphql.operation.name": (operation.name or "")[:_LONGEST_NAME]}
    return name, SpanKind.OPERATION, {key: value or None for key, value in named.items()}


def _request_error(*errors: GraphQLError) -> Answer:
    return Answer({"errors": [_formatted(error, executed=False) for error in errors]}, executed=False)


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
