"""Whose address a proxy has told. Imports nothing of the project."""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send


class BehindProxy:
    """Takes the client's address from the proxy, for a server that only the proxy can reach.

    It is the last one of X-Forwarded-For: those before it are what the client has said.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        told = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).rpartition(",")[2].strip()
        if _is_address(told):
            scope = {**scope, "client": (told, 0)}
        await self._app(scope, receive, send)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
