"""The door of a world: records every request and lets faults act on it. Imports core and starlette only."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.core.answers import Answer, Damage, Ends, damaged
from sandbox.core.asgi import abort, end, read, replay, target
from sandbox.core.faults import Fault, FaultBook, FaultMode, InjectedFault
from sandbox.core.operations import Operation
from sandbox.core.requests import RequestLog

CONTROL = "/_sandbox/"
HALF_DONE = "sandbox.half_done"
"""Key of the scope that asks a world to do a collection's work in part."""


class Dialect(Protocol):
    """What the door must know about a platform's wire."""

    def operation(self, method: str, target: str, headers: Headers, body: bytes) -> Operation:
        """What a request asks for; `target` is path and query. Never raises."""
        ...

    @property
    def revision(self) -> object:
        """Another value after every change of what clients can change."""
        ...

    def decode(self, content_type: str, body: bytes) -> Any:
        """A request's body for the log; never raises."""
        ...

    def injected(self, operation: Operation, status: int, retry_after: int | None) -> tuple[int, str, bytes]:
        """Status, content type and body of an injected error, as the answer to an operation."""
        ...


@dataclass(slots=True)
class Visit:
    """One request on its way through the door."""

    scope: Scope
    send: Send
    body: bytes
    operation: Operation
    fault: InjectedFault | None = None
    before: object = None
    """The world's revision when it saw the request, which it takes in one step: no other comes between."""
    arrived: float = field(default_factory=time.time)
    recorded: bool = False


Handler = Callable[["Gate", Visit, Fault], Awaitable[None]]


class Gate:
    """ASGI middleware around one world's application."""

    def __init__(self, app: ASGIApp, log: RequestLog, faults: FaultBook, dialect: Dialect) -> None:
        self.app = app
        self.log = log
        self.faults = faults
        self.dialect = dialect
        self.closing = asyncio.Event()
        self._answers: dict[object, Answer] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self.app(scope, receive, send)
            return
        body = await read(receive)
        if body is None:
            return
        method, asked, headers = scope["method"], target(scope), Headers(scope=scope)
        visit = Visit(scope, send, body, self.dialect.operation(method, asked, headers, body))
        visit.fault = self.faults.match(method, asked, headers.get("user-agent", ""), visit.operation)
        if visit.fault is None:
            await self._pass(visit, receive)
        else:
            await self._act(visit, visit.fault.fault, receive)

    async def _act(self, visit: Visit, fault: Fault, receive: Receive) -> None:
        match fault.mode:
            case FaultMode.STATUS:
                await self._answer(visit, fault.status, fault.retry_after)
            case FaultMode.EXPIRED:
                await self._answer(visit, 401, None)
            case FaultMode.HANG:
                await self._wait(fault.seconds)
                await self._cut(visit, None)
            case FaultMode.DROP:
                await self._cut(visit, None)
            case FaultMode.SLOW:
                await self._wait(fault.seconds)
                await self._pass(visit, receive)
            case FaultMode.STALE:
                await self._answer_late(visit, receive)
            case FaultMode.SHUT:
                # First, so that a client which hears of the reset finds nobody to connect to.
                visit.scope["state"]["shut"](fault.seconds)
                await self._cut(visit, None)
            case _:
                await self._after_effect(visit, fault, receive)

    async def _answer_late(self, visit: Visit, receive: Receive) -> None:
        fresh = await self._collect(visit, receive)
        asked = (visit.fault and visit.fault.id, visit.scope["method"], target(visit.scope), visit.body)
        stale = self._answers.get(asked, fresh)
        self._answers[asked] = fresh
        self._record(visit, stale.status, fresh.status)
        await visit.send({"type": "http.response.start", "status": stale.status, "headers": stale.headers})
        await visit.send({"type": "http.response.body", "body": stale.body})

    async def _after_effect(self, visit: Visit, fault: Fault, receive: Receive) -> None:
        visit.scope[HALF_DONE] = fault.mode is FaultMode.HALF_DONE
        answer = await self._collect(visit, receive)
        match fault.mode:
            case FaultMode.LOST:
                await self._cut(visit, answer.status)
            case FaultMode.MUTE:
                self._record(visit, 0, answer.status)
                await self._wait(fault.seconds)
                await self._cut(visit, answer.status)
            case FaultMode.HALF_DONE:
                failure, content_type, body = self.dialect.injected(visit.operation, 500, None)
                await self._send(visit, failure, content_type, body, effect=answer.status)
            case mode:
                await self._damaged(visit, damaged(answer, mode))

    async def _damaged(self, visit: Visit, damage: Damage) -> None:
        answer = damage.answer
        self._record(visit, answer.status, answer.status)
        await visit.send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        body = {"type": "http.response.body", "body": answer.body, "more_body": damage.ends is not Ends.WHOLE}
        await visit.send(body)
        if damage.ends is Ends.RESET:
            await abort(visit.scope)
        elif damage.ends is Ends.CLOSED:
            await end(visit.scope)

    async def _pass(self, visit: Visit, receive: Receive) -> None:
        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._record(visit, message["status"], message["status"])
            await visit.send(message)

        await self._show(visit, receive, send)

    async def _collect(self, visit: Visit, receive: Receive) -> Answer:
        start: Message = {"status": 500, "headers": []}
        chunks: list[bytes] = []

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                chunks.append(message.get("body", b""))

        await self._show(visit, receive, send)
        return Answer(start["status"], list(start["headers"]), b"".join(chunks))

    async def _show(self, visit: Visit, receive: Receive, send: Send) -> None:
        if visit.operation.writes:
            visit.before = self.dialect.revision
        await self.app(visit.scope, replay(visit.body, receive), send)

    async def _answer(self, visit: Visit, status: int, retry_after: int | None) -> None:
        status, content_type, body = self.dialect.injected(visit.operation, status, retry_after)
        await self._send(visit, status, content_type, body, retry_after=retry_after)

    async def _send(
        self,
        visit: Visit,
        status: int,
        content_type: str,
        body: bytes,
        *,
        effect: int | None = None,
        retry_after: int | None = None,
    ) -> None:
        self._record(visit, status, effect)
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        if retry_after is not None:
            headers.append((b"retry-after", str(retry_after).encode()))
        await visit.send({"type": "http.response.start", "status": status, "headers": headers})
        await visit.send({"type": "http.response.body", "body": body})

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.closing.wait(), seconds)

    async def _cut(self, visit: Visit, effect: int | None) -> None:
        self._record(visit, 0, effect)
        await abort(visit.scope)

    def _record(self, visit: Visit, status: int, effect: int | None) -> None:
        if visit.recorded:
            return
        visit.recorded = True
        scope = visit.scope
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.log.append(
            arrived=visit.arrived,
            method=scope["method"],
            path=scope["path"],
            operation=visit.operation,
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            status=status,
            effect=effect,
            changed=visit.before is not None and self.dialect.revision != visit.before,
            fault=None if visit.fault is None else visit.fault.id,
            body=self.dialect.decode(headers.get("content-type", ""), visit.body) if visit.body else None,
        )
