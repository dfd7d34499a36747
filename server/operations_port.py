"""The operations port: /metrics, /livez and /readyz for supervisors, apart from what callers may reach.

It answers before the start has succeeded and until the process ends, which the main port cannot.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.health import health_routes
from server.hosts import AllowedHosts
from server.running import Running
from server.slow_readers import HttpConnection

_CLOSE_SECONDS = 1


@asynccontextmanager
async def operations_port(
    listener: socket.socket | None, running: Running, hosts: Sequence[str]
) -> AsyncGenerator[None]:
    """Serves on the listener until the end of the block, by address and by these names; without one, nothing."""
    if listener is None:
        yield
        return
    server = _Server(_config(_application(running, hosts)))
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _application(running: Running, hosts: Sequence[str]) -> Starlette:
    # Of use only where somebody scrapes.
    from server.metrics import MEDIA_TYPE, exposition  # noqa: PLC0415

    async def metrics(_request: Request) -> Response:
        database = running.runtime.database if running.runtime else None
        return Response(await exposition(database), headers={"content-type": MEDIA_TYPE})

    guard = [Middleware(AllowedHosts, hosts=hosts, supervisors=True)]
    return Starlette(routes=[Route("/metrics", metrics, middleware=guard), *health_routes(running, hosts)])


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=HttpConnection,
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=_CLOSE_SECONDS,
    )


class _Server(uvicorn.Server):
    """Leaves the signals to the main port's server."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield
