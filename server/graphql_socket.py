"""GraphQL over WebSocket: a connection of the graphql-transport-ws protocol. Imports its neighbours.

Close codes, as the protocol has them: 4400 malformed message, 4401 operation before the acknowledgement
or a token that lets nobody in, 4403 a token that has expired (clients come back with a fresh one), 4406
other subprotocol, 4408 no connection_init in time, 4409 id in use, 4429 second connection_init. The server below
sends 1013 to a client that does not read, and 1012 when it shuts down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import aclosing, suppress
from typing import Any

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from server import json_codec
from server import socket_messages as messages
from server.callers import Caller, CannotTell, Door, Unauthenticated, authorization_of
from server.graphql_request import GraphQLRequest
from server.graphql_service import GraphQLService, refusal, too_often
from server.tasks import stop

_log = logging.getLogger("unship.graphql")

INIT_SECONDS = 5.0
MAX_OPERATIONS = 20
_LONGEST_REASON = 120


class Closed(Exception):
    """The connection must be closed with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class GraphQLSockets:
    """The ASGI application behind /graphql for WebSockets."""

    def __init__(self, service: GraphQLService, door: Door) -> None:
        self._service = service
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        offered: list[str] = scope.get("subprotocols", [])
        if messages.SUBPROTOCOL not in offered:
            await websocket.accept()
            await websocket.close(4406, "Subprotocol not acceptable")
            return
        await websocket.accept(messages.SUBPROTOCOL)
        await _Connection(self._service, self._door, websocket).serve()


class _Connection:
    def __init__(self, service: GraphQLService, door: Door, websocket: WebSocket) -> None:
        self._service = service
        self._door = door
        self._websocket = websocket
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._caller: Caller | None = None
        self._watch: asyncio.Task[None] | None = None
        self._broken: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait([reading, self._broken], return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                raise self._broken.result()
            await reading
        except Closed as closed:
            await stop(*self._operations.values())
            with suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
                async with asyncio.timeout(1):
                    await self._websocket.close(closed.code, closed.reason)
        except WebSocketDisconnect:
            pass
        finally:
            await stop(reading, *([self._watch] if self._watch else []), *self._operations.values())

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(INIT_SECONDS):
                while self._caller is None:
                    await self._handle(await self._receive())
        except TimeoutError as error:
            raise Closed(4408, "Connection initialisation timeout") from error
        while True:
            await self._handle(await self._receive())

    async def _receive(self) -> messages.Message:
        frame = await self._websocket.receive()
        if frame["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(frame.get("code", 1006))
        try:
            return messages.parse_message(frame.get("text"))
        except messages.MalformedMessage as malformed:
            raise Closed(4400, _shortened(str(malformed))) from malformed

    async def _handle(self, message: messages.Message) -> None:
        match message:
            case messages.ConnectionInit(payload):
                await self._initialise(payload)
            case messages.Ping(payload):
                await self._send(messages.pong(payload))
            case messages.Subscribe(id_, request):
                await self._subscribe(id_, request)
            case messages.Complete(id_):
                await self._complete(id_)
            case messages.Pong():
                pass

    async def _initialise(self, payload: Mapping[str, Any]) -> None:
        if self._caller is not None:
            raise Closed(4429, "Too many initialisation requests")
        caller = await self._admit(payload.get("authorization"))
        await self._send(messages.ack())
        self._caller = caller
        if caller.until is not None:
            self._watch = asyncio.create_task(self._close_when_ended(caller))

    async def _admit(self, authorization: object) -> Caller:
        """The caller that connection_init names, else the one of the handshake's header."""
        if authorization is None:
            authorization = authorization_of(self._websocket.headers)
        if not isinstance(authorization, str | None):
            raise Closed(4400, "`authorization` must be a string")
        client = self._websocket.client
        try:
            return await self._door.admit(authorization, client.host if client else None)
        except Unauthenticated as refused:
            raise _unwelcome(refused) from refused
        except CannotTell as error:
            raise Closed(1013, str(error)) from error

    async def _close_when_ended(self, caller: Caller) -> None:
        self._broken.set_result(_unwelcome(await self._door.ended(caller)))

    async def _subscribe(self, id_: str, request: GraphQLRequest) -> None:
        if self._caller is None:
            raise Closed(4401, "Unauthorized")
        if id_ in self._operations:
            raise Closed(4409, _shortened(f"Subscriber for {id_} already exists"))
        if len(self._operations) >= MAX_OPERATIONS:
            limit = refusal(f"At most {MAX_OPERATIONS} operations per connection.", "TOO_MANY_OPERATIONS")
            await self._send(messages.error(id_, limit.errors))
            return
        self._operations[id_] = asyncio.create_task(self._run(id_, request, self._caller))

    async def _complete(self, id_: str) -> None:
        operation = self._operations.pop(id_, None)
        if operation is not None:
            await stop(operation)

    async def _run(self, id_: str, request: GraphQLRequest, caller: Caller) -> None:
        try:
            last = await self._send_answers(id_, request, caller)
        except WebSocketDisconnect:
            return
        except Exception:
            _log.exception("an operation broke")
            last = messages.error(id_, refusal("Unexpected error.", "INTERNAL_SERVER_ERROR").errors)
        # The id is free for the client as soon as it reads the last message, so it must be free here before that.
        self._operations.pop(id_, None)
        with suppress(WebSocketDisconnect):
            await self._send(last)

    async def _send_answers(self, id_: str, request: GraphQLRequest, caller: Caller) -> Mapping[str, Any]:
        """Send each answer as it comes; returns the message that ends the operation."""
        if seconds := self._service.wait(request, caller):
            return messages.error(id_, too_often(seconds).errors)
        async with aclosing(self._service.stream(request, caller)) as answers:
            async for answer in answers:
                if not answer.executed:
                    return messages.error(id_, answer.errors)
                await self._send(messages.next_(id_, answer.body))
        return messages.complete(id_)

    async def _send(self, message: Mapping[str, Any]) -> None:
        """Waits while the client does not read, so that a slow one costs one message per operation, no more."""
        try:
            await self._websocket.send_text(json_codec.encode(message).decode())
        except RuntimeError as closing:
            raise WebSocketDisconnect(1006) from closing


def _unwelcome(refused: Unauthenticated) -> Closed:
    """4401 ends a client's attempts; 4403 makes it come back, of use where a fresh token is to be had."""
    return Closed(4403 if refused.expired else 4401, str(refused))


def _shortened(reason: str) -> str:
    """A close reason has 123 bytes of room."""
    return reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
