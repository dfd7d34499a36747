"""The process that listens: uvicorn with our limits, and an end in order. Imports nothing of the project."""

from __future__ import annotations

import asyncio
import socket

import uvicorn
from starlette.applications import Starlette

WEBSOCKET_BYTES = 64 * 1024


def config(app: Starlette, host: str, port: int, shutdown_seconds: int) -> uvicorn.Config:
    """uvloop and httptools; frames up to 64 KiB; no permessage-deflate, which costs 42 KB per subscriber."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=WEBSOCKET_BYTES,
        ws_per_message_deflate=False,
        lifespan="on",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=shutdown_seconds,
    )


class Server(uvicorn.Server):
    """Tells open streams to end before it waits for them, so that a shutdown does not last as long as a stream."""

    def __init__(self, settings: uvicorn.Config, draining: asyncio.Event) -> None:
        super().__init__(settings)
        self._draining = draining

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._draining.set()
        await super().shutdown(sockets)
