"""Counts what comes in under /graphql: answers by status, open WebSockets. Imports providers.telemetry."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from providers.telemetry import Tally

_METHODS = frozenset({"GET", "POST", "OPTIONS", "HEAD"})

REQUESTS = Tally("unship_http_requests_total", "Answers under /graphql, by method and status.", ("method", "code"))
OPEN_SOCKETS = Tally("unship_websockets_open", "WebSocket connections that are open now.")


class Counted:
    """The application inside, with its answers counted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            OPEN_SOCKETS.add()
            try:
                await self._app(scope, receive, send)
            finally:
                OPEN_SOCKETS.add(by=-1)
            return
        method: str = scope["method"]
        known = method if method in _METHODS else "other"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                REQUESTS.add(known, str(message["status"]))
            await send(message)

        await self._app(scope, receive, counted)
