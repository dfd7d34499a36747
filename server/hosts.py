"""Who may be called as, and from which pages: Host and Origin against a list. Imports nothing of the project.

Against DNS rebinding and foreign pages: the port alone is no protection where no credentials are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_PORT = r"(?::\d{0,5})?"
_WELL_FORMED = re.compile(rf"(?:\[[0-9a-f:.]+\]|[a-z0-9._~%!$&'()*+,;=-]+){_PORT}", re.IGNORECASE)
_ADDRESS = re.compile(rf"(?:localhost|\[[0-9a-f:.]+\]|\d{{1,3}}(?:\.\d{{1,3}}){{3}}){_PORT}", re.IGNORECASE)


@dataclass(frozen=True)
class _Refusal:
    message: str
    status: int
    code: str


_UNCLEAR = _Refusal("Name one host in the Host header.", 400, "BAD_REQUEST")
_HOST, _ORIGIN = (
    _Refusal(
        f"This server does not answer for that {what}; UNSHIP_ALLOWED_HOSTS lists the names it answers for.",
        403,
        "FORBIDDEN_HOST",
    )
    for what in ("host", "origin")
)


def host_pattern(hosts: Iterable[str]) -> str:
    """A pattern for a Host header: one of the names, with any port."""
    names = "|".join(re.escape(host.lower()) for host in hosts)
    return rf"(?:{names})\.?{_PORT}"


def origin_pattern(hosts: Iterable[str]) -> str:
    """A pattern for an Origin header: a page served under one of the names."""
    return rf"https?://{host_pattern(hosts)}"


class AllowedHosts:
    """Refuses what comes for another name, or from a page under another name.

    With `supervisors` it lets in what comes for an address or for no name at all, as those call who know where
    the server is: whoever rebinds a name has one.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str], *, supervisors: bool = False) -> None:
        self._app = app
        self._host = re.compile(host_pattern(hosts), re.IGNORECASE)
        self._origin = re.compile(origin_pattern(hosts), re.IGNORECASE)
        self._supervisors = supervisors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        refused = self._about_host(headers.getlist("host")) or self._about_page(headers)
        if refused is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            error = {"message": refused.message, "extensions": {"code": refused.code}}
            await JSONResponse({"errors": [error]}, refused.status)(scope, receive, send)

    def _about_host(self, hosts: list[str]) -> _Refusal | None:
        if not hosts and self._supervisors:
            return None
        if len(hosts) != 1 or not _WELL_FORMED.fullmatch(hosts[0]):
            return _UNCLEAR
        known = self._host.fullmatch(hosts[0]) or (self._supervisors and _ADDRESS.fullmatch(hosts[0]))
        return None if known else _HOST

    def _about_page(self, headers: Headers) -> _Refusal | None:
        """What a page elsewhere shows or runs comes without an origin; so does a browser that follows a link."""
        origins = headers.getlist("origin")
        if not origins:
            foreign = headers.get("sec-fetch-site") == "cross-site"
            return _ORIGIN if foreign and headers.get("sec-fetch-mode") != "navigate" else None
        return None if len(origins) == 1 and self._origin.fullmatch(origins[0]) else _ORIGIN
