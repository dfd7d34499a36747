"""The wire to one API server: a pool of connections, timeouts, TLS, proxies. Sends each request exactly once.

Imports nothing that decides; what went wrong comes out as aiohttp's errors.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import aiohttp

from providers.errors import ProviderRefused
from providers.kubernetes.calls import Call
from providers.kubernetes.credentials import Credentials
from providers.kubernetes.kubeconfig import Access, tls_context
from providers.kubernetes.values import CONNECTOR_TYPE
from providers.web import is_usable, open_session, timeout


@dataclass(frozen=True)
class Answer:
    status: int
    content: bytes
    retry_after: str | None


@dataclass(frozen=True)
class Transport:
    """A pool of connections to the API server at `server`, a URL without a slash at its end."""

    session: aiohttp.ClientSession
    server: str
    proxy: str | None
    tls_server_name: str | None

    async def close(self) -> None:
        await self.session.close()

    async def ask(self, call: Call, credentials: Credentials) -> Answer:
        async with self.request(call, credentials) as response:
            return Answer(response.status, await response.read(), response.headers.get("Retry-After"))

    def request(
        self, call: Call, credentials: Credentials, silence: float | None = None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """The response's head; its content may not pause for longer than `silence` seconds."""
        headers = dict(credentials.headers)
        content: bytes | None = None
        if call.body is not None:
            headers["Content-Type"] = call.content_type
            content = json.dumps(call.body, separators=(",", ":"), ensure_ascii=False).encode()
        return self.session.request(
            call.method,
            self.server + call.path,
            params=call.params,
            data=content,
            headers=headers,
            timeout=timeout(silence),
            proxy=self.proxy,
            server_hostname=self.tls_server_name,
            allow_redirects=False,
        )


async def open_transport(access: Access, credentials: Credentials) -> Transport:
    cluster = access.cluster
    proxy = cluster.proxy_url or None
    if not is_usable(cluster.server) or (proxy and not is_usable(proxy)):
        raise ProviderRefused(
            "The kubeconfig's server or proxy-url cannot be used: it must be http://... or https://..."
        )
    context = await asyncio.to_thread(tls_context, access, credentials.certificate)
    session = open_session(cluster.server, context, CONNECTOR_TYPE)
    return Transport(session, cluster.server.rstrip("/"), proxy, cluster.tls_server_name or None)


async def lines_of(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Lines of any length, without their ends; empty ones are left out."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line:
                yield line
    if rest:
        yield rest
