"""Requests to one foundation: sent again where that may help, with renewed tokens and typed errors.

Knows nothing of apps (foundation.py does). Raises only ProviderError subclasses.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping

import aiohttp
from pydantic import JsonValue

from providers.errors import ProviderError, ProviderNotFound, ProviderRefused
from providers.retry import is_transient, retry_after
from providers.tas import faults
from providers.tas.access import Access, tls_context
from providers.tas.calls import Answer, Call
from providers.tas.credentials import NO_TOKEN, Login, Token, logins, token_of
from providers.tas.values import CONNECTOR_TYPE
from providers.tree import Tree, text
from providers.web import (
    Failure,
    host_of,
    is_in_vain,
    is_usable,
    open_session,
    timeout,
    until_answered,
    was_never_sent,
)

# What is answered with a resource in any case: nothing at all does not mean that there is none.
_TELLING = frozenset({"GET", "PATCH"})


class Connection:
    """One foundation, as one user or client. Opened at the first request."""

    def __init__(self, read_access: Callable[[], Access]) -> None:
        self._read_access = read_access
        self._access: Access | None = None
        self._session: aiohttp.ClientSession | None = None
        self._uaa: str | None = None
        self._token = NO_TOKEN
        self._opening = asyncio.Lock()

    async def send(self, call: Call) -> Tree:
        """The JSON object the foundation answers with, empty where it has none to say; ProviderError otherwise."""
        return await until_answered(lambda: self._try(call))

    async def find(self, call: Call) -> Tree | None:
        """As `send`, but None for what does not exist."""
        try:
            return await self.send(call)
        except ProviderNotFound:
            return None

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _try(self, call: Call) -> Tree | Failure:
        token = await self._authenticated()
        try:
            answer = await self._send(call, token)
            if answer.status == 401:
                token = await self._authenticated(instead_of=token)
                answer = await self._send(call, token)
        except (aiohttp.ClientError, TimeoutError) as error:
            lost = faults.of_transport(call.doing, self._host, error)
            return Failure(lost, transient=not is_in_vain(error) and (was_never_sent(error) or call.repeatable))
        if answer.status < 300:
            try:
                return _parsed(call.doing, self._host, answer, call.method)
            except ProviderError as garbage:
                return Failure(garbage, transient=call.repeatable)
        error = faults.of_response(call.doing, answer.status, answer.content)
        # Some come before anything is done, the others may come after the effect.
        turned_away = answer.status == 429 or isinstance(error, faults.InFlightError)
        transient = turned_away or (call.repeatable and is_transient(answer.status))
        wait = retry_after(answer.retry_after)
        if not transient and is_transient(answer.status):
            error = faults.BusyError(error, wait)
        return Failure(error, transient, wait)

    async def _send(self, call: Call, token: Token) -> Answer:
        if call.effect is not None:
            await call.effect()
        session, access = await self._open()
        content = None if call.body is None else json.dumps(call.body, ensure_ascii=False).encode()
        headers = {"Authorization": f"bearer {token.access}"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        return await _ask(session, call.method, access.server + call.path, headers, content, call.params)

    @property
    def _host(self) -> str:
        return host_of(self._access.server) if self._access is not None else "the foundation"

    async def _open(self) -> tuple[aiohttp.ClientSession, Access]:
        if self._session is None or self._access is None:
            self._access = await asyncio.to_thread(self._read_access)
            context = await asyncio.to_thread(tls_context, self._access)
            self._session = open_session(self._access.server, context, CONNECTOR_TYPE)
        return self._session, self._access

    async def _authenticated(self, instead_of: Token | None = None) -> Token:
        """The token to use now; a new one where `instead_of` was not accepted."""
        if self._token.valid and self._token is not instead_of:
            return self._token
        async with self._opening:
            if not self._token.valid or self._token is instead_of:
                self._token = await self._log_in(self._token)
            return self._token

    async def _log_in(self, old: Token) -> Token:
        session, access = await self._open()
        if self._uaa is None:
            self._uaa = await self._find_uaa(session, access)
        *cheaper, last = await asyncio.to_thread(logins, access, old)
        for login in cheaper:
            try:
                return await self._ask_token(session, self._uaa, login)
            except ProviderRefused:
                continue
        return await self._ask_token(session, self._uaa, last)

    async def _ask_token(self, session: aiohttp.ClientSession, uaa: str, login: Login) -> Token:
        form = aiohttp.FormData(dict(login.form))

        async def once() -> Token | Failure:
            doing = "log in"
            try:
                answer = await _ask(session, "POST", f"{uaa}/oauth/token", login.headers, form, {})
            except (aiohttp.ClientError, TimeoutError) as error:
                # A token that nobody got does no harm: asking again is safe.
                return Failure(faults.of_transport(doing, host_of(uaa), error), transient=not is_in_vain(error))
            if answer.status >= 300:
                error = faults.of_token_response(answer.status, answer.content)
                return Failure(error, is_transient(answer.status), retry_after(answer.retry_after))
            return token_of(answer.content) or Failure(faults.of_garbage(doing, host_of(uaa)), transient=True)

        return await until_answered(once)

    async def _find_uaa(self, session: aiohttp.ClientSession, access: Access) -> str:
        """The UAA's address, which the root document names (v3-apidocs.cloudfoundry.org, "Root")."""
        doing = "find the foundation's UAA"

        async def once() -> str | Failure:
            try:
                answer = await _ask(session, "GET", f"{access.server}/", {}, None, {})
                root = _parsed(doing, self._host, answer) if answer.status < 300 else None
            except (aiohttp.ClientError, TimeoutError) as error:
                return Failure(faults.of_transport(doing, self._host, error), transient=not is_in_vain(error))
            except ProviderError as garbage:
                return Failure(garbage, transient=True)
            if root is None:
                error = faults.of_response(doing, answer.status, answer.content)
                return Failure(error, is_transient(answer.status), retry_after(answer.retry_after))
            found = (text(root, "links", "uaa", "href") or text(root, "links", "login", "href") or "").rstrip("/")
            if not is_usable(found):
                return Failure(faults.of_garbage(doing, self._host), transient=False)
            if access.server.startswith("https:") and not found.startswith("https:"):
                refused = ProviderRefused(
                    "The foundation names a UAA without TLS, so no credentials are sent there."
                )
                return Failure(refused, transient=False)
            return found

        return await until_answered(once)


async def _ask(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    headers: Mapping[str, str],
    data: bytes | aiohttp.FormData | None,
    params: Mapping[str, str],
) -> Answer:
    async with session.request(
        method, url, params=params, data=data, headers=headers, timeout=timeout(), allow_redirects=False
    ) as response:
        content = await response.read()
        return Answer(
            response.status, content, response.headers.get("Retry-After"), response.headers.get("Location")
        )


def _parsed(doing: str, host: str, answer: Answer, method: str = "GET") -> Tree:
    if not answer.content.strip() and method not in _TELLING:
        return {"location": answer.location} if answer.location else {}
    try:
        parsed: JsonValue = json.loads(answer.content)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise faults.of_garbage(doing, host)
    return parsed
