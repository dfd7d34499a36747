"""Who may be called as, and from which pages: Host and Origin against a list. Imports nothing of the project.

Against DNS rebinding and foreign pages: the port alone is no protection where no credentials are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_REFUSED = "This server does not answer for that {what}; UNSHIP_ALLOWED_HOSTS lists the names it answers for."


def host_pattern(hosts: Iterable[str]) -> str:
    """A pattern for a Host header: one of the names, with any port."""
    names = "|".join(re.escape(host.lower()) for host in hosts)
    return rf"(?:{names})\.?(?::\d{{1,5}})?"


def origin_pattern(hosts: Iterable[str]) -> str:
    """A pattern for an Origin header: a page served under one of the names."""
    return rf"https?://{host_pattern(hosts)}"


class AllowedHosts:
    """Refuses with 403 what comes for another name, or from a page under another name."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...]) -> None:
        self._app = app
        self._host = re.compile(host_pattern(hosts), re.IGNORECASE)
        self._origin = re.compile(origin_pattern(hosts), re.IGNORECASE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refused(Headers(scope=scope))
        if refused is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            error = {"message": _REFUSED.format(what=refused), "extensions": {"code": "FORBIDDEN_HOST"}}
            await JSONResponse({"errors": [error]}, 403)(scope, receive, send)

    def _refused(self, headers: Headers) -> str | None:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not self._host.fullmatch(hosts[0]):
            return "host"
        if origins and not (len(origins) == 1 and self._origin.fullmatch(origins[0])):
            return "origin"
        return None
