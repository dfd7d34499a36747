"""Requests to one API server: sent again where that may help, with renewed credentials and typed errors.

Knows nothing of kinds and objects (cluster.py does). Raises only ProviderError subclasses.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta

import aiohttp
from pydantic import JsonValue

from providers.errors import ProviderConflict, ProviderError, ProviderNotFound, ProviderRefused
from providers.kubernetes import faults
from providers.kubernetes.calls import Call
from providers.kubernetes.credentials import Credentials, obtain
from providers.kubernetes.kubeconfig import Access
from providers.kubernetes.transport import Answer, Transport, lines_of, open_transport
from providers.retry import is_transient, retry_after
from providers.tree import Tree
from providers.web import Failure, host_of, is_in_vain, until_answered, was_never_sent

# Renewed before they end, so that no request is sent with credentials that end on the way.
_RENEW_EARLY = timedelta(seconds=30)


class Connection:
    """One API server, reached with one context of one kubeconfig. Opened at the first request."""

    def __init__(self, read_access: Callable[[], Access]) -> None:
        self._read_access = read_access
        self._access: Access | None = None
        self._credentials = Credentials({})
        self._transport: Transport | None = None
        self._retired: list[Transport] = []
        self._opening = asyncio.Lock()

    async def send(self, call: Call) -> Tree:
        """The JSON object the server answers with; ProviderError where there is none."""
        return await until_answered(lambda: self._try(call))

    async def find(self, call: Call) -> Tree | None:
        """As `send`, but None for what does not exist."""
        try:
            return await self.send(call)
        except ProviderNotFound:
            return None

    async def stream(self, call: Call, seconds: float) -> AsyncGenerator[Tree]:
        """The JSON objects of a watch, one a line, until the server ends it or `seconds` pass without any."""
        transport, credentials = await self._open()
        try:
            async with transport.request(call, credentials, silence=seconds) as response:
                if response.status >= 300:
                    raise faults.of_response(call.doing, response.status, await response.read())
                async for line in lines_of(response.content.iter_any()):
                    yield self._parse(call, line)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise faults.of_transport(call.doing, self._server, error) from error

    async def close(self) -> None:
        open_ones, self._retired = [*self._retired, *([self._transport] if self._transport else [])], []
        self._transport = None
        for transport in open_ones:
            await transport.close()

    @property
    def _server(self) -> str:
        return host_of(self._access.cluster.server) if self._access is not None else "the API server"

    async def _try(self, call: Call) -> Tree | Failure:
        transport, credentials = await self._open()
        if call.effect is not None:
            await call.effect()
        try:
            answer = await transport.ask(call, credentials)
            if answer.status == 401:
                transport, credentials = await self._open(instead_of=credentials)
                if call.effect is not None:
                    await call.effect()
                answer = await transport.ask(call, credentials)
        except (aiohttp.ClientError, TimeoutError) as error:
            lost = faults.of_transport(call.doing, self._server, error)
            return Failure(lost, transient=not is_in_vain(error) and (was_never_sent(error) or call.repeatable))
        if answer.status < 300:
            try:
                return self._parse(call, answer.content)
            except ProviderError as garbage:
                return Failure(garbage, transient=call.repeatable)
        return self._failure(call, answer)

    @staticmethod
    def _failure(call: Call, answer: Answer) -> Failure:
        error = faults.of_response(call.doing, answer.status, answer.content)
        # 429 comes before anything is done (API priority and fairness), the others may come after the effect.
        may_pass = is_transient(answer.status) and not isinstance(error, ProviderRefused)
        transient = answer.status == 429 or (call.repeatable and may_pass)
        if call.outlasts_conflict and isinstance(error, ProviderConflict):
            transient = faults.passes(call.method, answer.content)
        return Failure(error, transient, retry_after(answer.retry_after))

    def _parse(self, call: Call, content: bytes) -> Tree:
        try:
            parsed: JsonValue = json.loads(content)
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, dict):
            raise faults.of_garbage(call.doing, self._server)
        return parsed

    async def _open(self, instead_of: Credentials | None = None) -> tuple[Transport, Credentials]:
        """The way and the credentials to use now; new ones where `instead_of` was not accepted."""
        if self._transport is not None and self._valid(instead_of):
            return self._transport, self._credentials
        async with self._opening:
            if self._transport is None or not self._valid(instead_of):
                await self._renew()
            transport = self._transport
        if transport is None:
            raise ProviderRefused("The connection to the cluster was closed.")
        return transport, self._credentials

    def _valid(self, refused: Credentials | None) -> bool:
        expires = self._credentials.expires
        early = expires is None or datetime.now(UTC) + _RENEW_EARLY < expires
        return early and self._credentials is not refused

    async def _renew(self) -> None:
        access = await asyncio.to_thread(self._read_access)
        credentials = await obtain(access)
        same_way = access == self._access and credentials.certificate == self._credentials.certificate
        if self._transport is None or not same_way:
            transport = await open_transport(access, credentials)
            # Requests may still be under way on the old one: it is closed at the next renewal.
            for unused in self._retired:
                await unused.close()
            self._retired = [self._transport] if self._transport else []
            self._transport = transport
        self._access, self._credentials = access, credentials
