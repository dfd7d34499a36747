"""HTTP to one API server: one connection pool, timeouts, retries, renewed credentials, typed errors.

Knows nothing of kinds and objects (cluster.py does). Raises only ProviderError subclasses.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx2
from pydantic import JsonValue

from providers.errors import ProviderConflict, ProviderError, ProviderNotFound, ProviderRefused
from providers.kubernetes import faults
from providers.kubernetes.credentials import Credentials, obtain
from providers.kubernetes.kubeconfig import Access, tls_context
from providers.kubernetes.retry import is_transient, retry_after, wait_before
from providers.kubernetes.tree import Tree

USER_AGENT = "unship/0.1.0"
TIMEOUT_SECONDS = 10.0
# Renewed before they end, so that no request is sent with credentials that end on the way.
_RENEW_EARLY = timedelta(seconds=30)

Effect = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Call:
    """One request. `doing` completes "Unship could not ...".

    `effect` is awaited directly before each try of a request that changes something. `repeatable` says whether it
    may be sent again when the answer was lost; `outlasts_conflict` whether 409 means "try again" for it.
    """

    doing: str
    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    body: JsonValue = None
    content_type: str = "application/json"
    effect: Effect | None = None
    repeatable: bool = True
    outlasts_conflict: bool = False


class Connection:
    """One API server, reached with one context of one kubeconfig. Opened at the first request."""

    def __init__(self, read_access: Callable[[], Access]) -> None:
        self._read_access = read_access
        self._access: Access | None = None
        self._credentials = Credentials({})
        self._client: httpx2.AsyncClient | None = None
        self._retired: list[httpx2.AsyncClient] = []
        self._opening = asyncio.Lock()

    async def send(self, call: Call) -> Tree:
        """The JSON object the server answers with; ProviderError where there is none."""
        number_of_try = 1
        while True:
            answer = await self._try(call)
            if not isinstance(answer, _Failure):
                return answer
            number_of_try += 1
            wait = wait_before(number_of_try, answer.retry_after) if answer.transient else None
            if wait is None:
                raise answer.error
            await asyncio.sleep(wait)

    async def find(self, call: Call) -> Tree | None:
        """As `send`, but None for what does not exist."""
        try:
            return await self.send(call)
        except ProviderNotFound:
            return None

    async def stream(self, call: Call, seconds: float) -> AsyncGenerator[Tree]:
        """The JSON objects of a watch, one a line, until the server ends it or `seconds` pass without any."""
        client, credentials = await self._open()
        timeout = httpx2.Timeout(TIMEOUT_SECONDS, read=seconds)
        request = self._request(client, credentials, call, timeout)
        try:
            response = await client.send(request, stream=True)
        except httpx2.HTTPError as error:
            raise faults.of_transport(call.doing, self._server, error) from error
        try:
            if response.status_code >= 300:
                await response.aread()
                raise faults.of_response(call.doing, response)
            async for line in response.aiter_lines():
                yield self._parse(call, line)
        except httpx2.HTTPError as error:
            raise faults.of_transport(call.doing, self._server, error) from error
        finally:
            await response.aclose()

    async def close(self) -> None:
        clients, self._retired = [*self._retired, *([self._client] if self._client else [])], []
        self._client = None
        for client in clients:
            await client.aclose()

    @property
    def _server(self) -> str:
        if self._access is None:
            return "the API server"
        parts = urlsplit(self._access.cluster.server)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

    async def _try(self, call: Call) -> Tree | _Failure:
        client, credentials = await self._open()
        if call.effect is not None:
            await call.effect()
        try:
            response = await client.send(self._request(client, credentials, call))
            if response.status_code == 401:
                client, credentials = await self._open(instead_of=credentials)
                if call.effect is not None:
                    await call.effect()
                response = await client.send(self._request(client, credentials, call))
        except httpx2.HTTPError as error:
            never_sent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
            lost = faults.of_transport(call.doing, self._server, error)
            in_vain = "certificate verify failed" in str(error)
            return _Failure(lost, transient=not in_vain and (never_sent or call.repeatable))
        if response.is_success:
            try:
                return self._parse(call, response.content)
            except ProviderError as garbage:
                return _Failure(garbage, transient=call.repeatable)
        return self._failure(call, response)

    @staticmethod
    def _failure(call: Call, response: httpx2.Response) -> _Failure:
        error = faults.of_response(call.doing, response)
        # 429 comes before anything is done (API priority and fairness), the others may come after the effect.
        may_pass = is_transient(response.status_code) and not isinstance(error, ProviderRefused)
        transient = response.status_code == 429 or (call.repeatable and may_pass)
        if call.outlasts_conflict and isinstance(error, ProviderConflict):
            transient = True
        return _Failure(error, transient, retry_after(response.headers.get("Retry-After")))

    def _parse(self, call: Call, content: bytes | str) -> Tree:
        try:
            parsed: JsonValue = json.loads(content)
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, dict):
            raise faults.of_garbage(call.doing, self._server)
        return parsed

    def _request(
        self,
        client: httpx2.AsyncClient,
        credentials: Credentials,
        call: Call,
        timeout: httpx2.Timeout | None = None,
    ) -> httpx2.Request:
        headers = dict(credentials.headers)
        content: bytes | None = None
        if call.body is not None:
            headers["Content-Type"] = call.content_type
            content = json.dumps(call.body, separators=(",", ":"), ensure_ascii=False).encode()
        name = self._access.cluster.tls_server_name if self._access else None
        return client.build_request(
            call.method,
            call.path,
            params=dict(call.params) or None,
            content=content,
            headers=headers,
            timeout=timeout or httpx2.Timeout(TIMEOUT_SECONDS),
            extensions={"sni_hostname": name} if name else {},
        )

    async def _open(self, instead_of: Credentials | None = None) -> tuple[httpx2.AsyncClient, Credentials]:
        """The client and the credentials to use now; new ones where `instead_of` was not accepted."""
        if self._client is not None and self._valid(instead_of):
            return self._client, self._credentials
        async with self._opening:
            if self._client is None or not self._valid(instead_of):
                await self._renew()
            client = self._client
        if client is None:
            raise ProviderRefused("The connection to the cluster was closed.")
        return client, self._credentials

    def _valid(self, refused: Credentials | None) -> bool:
        expires = self._credentials.expires
        early = expires is None or datetime.now(UTC) + _RENEW_EARLY < expires
        return early and self._credentials is not refused

    async def _renew(self) -> None:
        access = await asyncio.to_thread(self._read_access)
        credentials = await obtain(access)
        same_way = access == self._access and credentials.certificate == self._credentials.certificate
        if self._client is None or not same_way:
            client = await asyncio.to_thread(_new_client, access, credentials)
            # Requests may still be under way on the old one: it is closed at the next renewal.
            for unused in self._retired:
                await unused.aclose()
            self._retired = [self._client] if self._client else []
            self._client = client
        self._access, self._credentials = access, credentials


@dataclass(frozen=True)
class _Failure:
    error: ProviderError
    transient: bool
    retry_after: float | None = None


def _new_client(access: Access, credentials: Credentials) -> httpx2.AsyncClient:
    server = access.cluster.server
    try:
        return httpx2.AsyncClient(
            base_url=server,
            verify=tls_context(access, credentials.certificate),
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            proxy=access.cluster.proxy_url or None,
            # As Go does: proxies of the environment are not used for addresses of this machine.
            trust_env=not _is_loopback(urlsplit(server).hostname),
            limits=httpx2.Limits(max_connections=100, max_keepalive_connections=32, keepalive_expiry=60),
        )
    except (httpx2.InvalidURL, ValueError, ImportError) as error:
        raise ProviderRefused("The kubeconfig's server or proxy-url cannot be used.", str(error)) from error


def _is_loopback(host: str | None) -> bool:
    if host is None or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
