"""The service as an operator sees it: operations are counted, and a process that is leaving takes no mutations.

Imports server.graphql_service.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from strawberry.types.graphql import OperationType as Kind

from providers.telemetry import Spread, Tally
from server.callers import Caller
from server.graphql_request import GraphQLRequest, MalformedRequest
from server.graphql_service import Answer, GraphQLService, KindNotAllowed, refusal

OPERATIONS = Tally(
    "unship_operations_total",
    "GraphQL operations that have ended: ok, with errors beside data, or refused before they ran.",
    ("type", "outcome"),
)
SECONDS = Spread(
    "unship_operation_seconds",
    "Seconds that queries and mutations by HTTP took.",
    ("type",),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
OPEN_SUBSCRIPTIONS = Tally("unship_subscriptions_open", "Subscriptions that are followed now.")

_LEAVING = "The server is shutting down; send the mutation again."
_NO_KIND = "none"


@dataclass(frozen=True)
class WatchedService(GraphQLService):
    """As the service it extends. `leaving`: set from when no new mutation is taken."""

    leaving: asyncio.Event

    async def execute(self, request: GraphQLRequest, kinds: frozenset[Kind], caller: Caller) -> Answer:
        """As there; MalformedRequest for a mutation that comes too late."""
        kind = await self._kind(request)
        if self._too_late(kind):
            OPERATIONS.add(kind, "refused")
            raise MalformedRequest(_LEAVING, status=503, headers={"retry-after": "1"})
        began = time.perf_counter()
        try:
            answer = await super().execute(request, kinds, caller)
        except KindNotAllowed as error:
            OPERATIONS.add(error.kind.value, "refused")
            raise
        OPERATIONS.add(kind if answer.executed else _NO_KIND, _outcome(answer))
        if answer.executed:
            SECONDS.add(time.perf_counter() - began, kind)
        return answer

    async def stream(self, request: GraphQLRequest, caller: Caller) -> AsyncGenerator[Answer]:
        kind = await self._kind(request)
        if self._too_late(kind):
            OPERATIONS.add(kind, "refused")
            yield refusal(_LEAVING, "UNAVAILABLE")
            return
        subscribed = kind == Kind.SUBSCRIPTION.value
        outcome = "ok"
        OPEN_SUBSCRIPTIONS.add(by=subscribed)
        try:
            async with aclosing(super().stream(request, caller)) as answers:
                async for answer in answers:
                    if outcome == "ok":
                        outcome = _outcome(answer)
                    yield answer
        finally:
            OPEN_SUBSCRIPTIONS.add(by=-subscribed)
            OPERATIONS.add(kind, outcome)

    def _too_late(self, kind: str) -> bool:
        return self.leaving.is_set() and kind == Kind.MUTATION.value

    async def _kind(self, request: GraphQLRequest) -> str:
        kind = await self.kind(request)
        return kind.value if kind is not None else _NO_KIND


def _outcome(answer: Answer) -> str:
    if not answer.executed:
        return "refused"
    return "errors" if answer.errors else "ok"
