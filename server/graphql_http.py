"""GraphQL over HTTP: POST and GET, media types, status codes, as the GraphQL-over-HTTP specification has them.

Imports the other modules of this floor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from strawberry.types.graphql import OperationType as Kind

from providers.tracing import TRACING
from server import json_codec
from server.callers import Caller, CannotTell, Door, Unauthenticated, Unwelcome, authorization_of
from server.event_stream import EventStream
from server.graphql_request import GraphQLRequest, MalformedRequest, code_of, parse_body, parse_query_string
from server.graphql_service import (
    QUERY_AND_MUTATION,
    QUERY_ONLY,
    Answer,
    GraphQLService,
    KindNotAllowed,
    refusal,
    too_often,
)
from server.media import MediaType, names, negotiate

_BODY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Who asks, what the client accepts, and the best of it."""

    accept: str | None
    media_type: MediaType
    caller: Caller


@dataclass(frozen=True)
class GraphQLHttp:
    """The ASGI application behind /graphql. `explorer` is the page for browsers; None switches it off."""

    service: GraphQLService
    door: Door
    max_body_bytes: int
    draining: asyncio.Event
    explorer: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        with TRACING.continuing(request.headers.get("traceparent")):
            try:
                response = await self._respond(request)
            except ClientDisconnect:
                return
            await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response | EventStream:
        accept = _header(request, "accept") or None
        media_type = negotiate(accept)
        try:
            if request.method not in ("GET", "POST"):
                raise MalformedRequest("Use POST or GET.", status=405, headers={"allow": "GET, POST"})
            if self.explorer and request.method == "GET" and _wants_page(request, accept):
                return HTMLResponse(self.explorer, headers=_PAGE_HEADERS)
            if media_type is None:
                raise MalformedRequest(_NOT_ACCEPTABLE, status=406)
            if request.method == "GET":
                wanted = _Wanted(accept, media_type, await self._caller(request))
                return await self._run(parse_query_string(request.query_params), wanted, QUERY_ONLY)
            self._check_content(request)
            # Before the body: of a stranger nothing is kept.
            wanted = _Wanted(accept, media_type, await self._caller(request))
            return await self._run(parse_body(await self._body(request)), wanted, QUERY_AND_MUTATION)
        except MalformedRequest as refused:
            answer = refusal(refused.message, code_of(refused.status))
            return _response(answer, media_type, refused.status, refused.headers)

    async def _run(
        self, request: GraphQLRequest, wanted: _Wanted, kinds: frozenset[Kind]
    ) -> Response | EventStream:
        seconds = self.service.wait(request, wanted.caller)
        if seconds:
            return _executed(too_often(seconds), wanted.media_type, 429)
        if wanted.media_type is MediaType.EVENT_STREAM:
            if Kind.MUTATION not in kinds and await self.service.kind(request) is Kind.MUTATION:
                raise _mutation_by_get()
            return self._stream(request, wanted.caller)
        try:
            answer = await self.service.execute(request, kinds, wanted.caller)
        except KindNotAllowed as error:
            if error.kind is Kind.MUTATION:
                raise _mutation_by_get() from error
            if names(wanted.accept, MediaType.EVENT_STREAM):
                return self._stream(request, wanted.caller)
            answer = refusal(_SUBSCRIBE_ELSEWHERE, "SUBSCRIPTION_NEEDS_STREAM")
        return _executed(answer, wanted.media_type)

    def _stream(self, request: GraphQLRequest, caller: Caller) -> EventStream:
        return EventStream(self.service.stream(request, caller), self.draining, partial(self.door.ended, caller))

    async def _caller(self, request: Request) -> Caller:
        try:
            return await self.door.admit(authorization_of(request.headers), _address(request))
        except Unauthenticated as refused:
            raise MalformedRequest(str(refused), status=401, headers=_challenge(refused)) from refused
        except CannotTell as error:
            raise MalformedRequest(str(error), status=503, headers={"retry-after": "1"}) from error

    def _check_content(self, request: Request) -> None:
        """JSON in UTF-8, not compressed, and not too much; anything else is a 415 or 413."""
        kind, *parameters = (part.strip().lower() for part in _header(request, "content-type").split(";"))
        charset = next((part[8:].strip('"') for part in parameters if part.startswith("charset=")), "utf-8")
        if kind != MediaType.JSON or charset not in ("utf-8", "utf8"):
            raise MalformedRequest("Send `Content-Type: application/json` with a body in UTF-8.", status=415)
        if _header(request, "content-encoding").lower() not in ("", "identity"):
            raise MalformedRequest("Send the body without Content-Encoding.", status=415)
        declared = _header(request, "content-length")
        if declared.isdecimal() and int(declared[:18]) > self.max_body_bytes:
            raise self._too_large()

    async def _body(self, request: Request) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > self.max_body_bytes:
                        raise self._too_large()
        except TimeoutError as error:
            message = f"The request body did not arrive within {_BODY_SECONDS:.0f} seconds."
            raise MalformedRequest(message, status=408, headers={"connection": "close"}) from error
        except asyncio.CancelledError as error:
            # The end of the process waits no longer.
            raise MalformedRequest("The server is shutting down; send it again.", status=503) from error
        return bytes(body)

    def _too_large(self) -> MalformedRequest:
        message = f"The request body is larger than {self.max_body_bytes} bytes."
        return MalformedRequest(message, status=413, headers={"connection": "close"})


_PAGE_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}
_NOT_ACCEPTABLE = "Accept names none of application/graphql-response+json, application/json, text/event-stream."
_SUBSCRIBE_ELSEWHERE = (
    "A subscription needs a stream: send `Accept: text/event-stream`, or use a WebSocket with the subprotocol"
    " graphql-transport-ws."
)


def _wants_page(request: Request, accept: str | None) -> bool:
    return "query" not in request.query_params and names(accept, MediaType.HTML)


def _challenge(refused: Unauthenticated) -> dict[str, str]:
    """Whoever has shown nothing is told of no error (RFC 6750, 3.1)."""
    error = "" if refused.why is Unwelcome.MISSING else ', error="invalid_token"'
    return {"www-authenticate": f'Bearer realm="unship"{error}'}


def _header(request: Request, name: str) -> str:
    """A header that may come in several lines, as one; empty where there is none."""
    return ",".join(request.headers.getlist(name))


def _address(request: Request) -> str | None:
    return request.client.host if request.client else None


def _mutation_by_get() -> MalformedRequest:
    return MalformedRequest("A mutation cannot be sent by GET; use POST.", status=405, headers={"allow": "POST"})


def _executed(answer: Answer, media_type: MediaType, busy: int = 503) -> Response:
    """application/json keeps 200 for every well-formed request; the newer type says by the status what failed."""
    if answer.retry_after is not None:
        return _response(answer, media_type, busy, {"retry-after": str(answer.retry_after)})
    failed = not answer.executed and media_type is MediaType.GRAPHQL_RESPONSE
    return _response(answer, media_type, 400 if failed else 200)


def _response(
    answer: Answer, media_type: MediaType | None, status: int, headers: Mapping[str, str] | None = None
) -> Response:
    shown = MediaType.GRAPHQL_RESPONSE if media_type is MediaType.GRAPHQL_RESPONSE else MediaType.JSON
    return Response(
        json_codec.encode(answer.body),
        status_code=status,
        headers={**(headers or {}), "cache-control": "no-store", "x-content-type-options": "nosniff"},
        media_type=f"{shown}; charset=utf-8",
    )
