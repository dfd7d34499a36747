"""The process that listens: uvicorn with our limits, a start that says what is wrong, an end in order.

Imports server.app.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import ssl
from types import FrameType

import uvicorn
import uvloop
from starlette.applications import Starlette

from server.app import create_app
from server.settings import Settings, SettingsError

WEBSOCKET_BYTES = 64 * 1024


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; 0 after an end in order. Raises what the start may raise."""
    with _bound(settings.host, settings.port) as listener:
        return _serve_on(listener, settings)


def _serve_on(listener: socket.socket, settings: Settings) -> int:
    app = create_app(settings)
    server = Server(_with_tls(config(app, settings.shutdown_seconds), settings), app.state.running.draining)

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn raises the signal again when it has stopped serving, and the engine still has to end in order then.
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        return uvloop.run(_run(app, server, listener))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _run(app: Starlette, server: Server, listener: socket.socket) -> int:
    # Not uvicorn's own lifespan: it answers a start that fails with a traceback instead of raising it.
    async with app.router.lifespan_context(app):
        # What the start has made lives as long as the process; looking for garbage there took 0.15 s each time.
        gc.freeze()
        if not server.should_exit:
            host, port = listener.getsockname()[:2]
            scheme, name = "https" if server.config.is_ssl else "http", f"[{host}]" if ":" in host else host
            server.announcement = f"Unship is ready: {scheme}://{name}:{port}/graphql"
            await server.serve([listener])
    return 0


def _bound(host: str, port: int) -> socket.socket:
    """A socket that has the address but refuses connections until the server listens on it."""
    listener: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise SettingsError(
            f"UNSHIP_HOST, UNSHIP_PORT: cannot listen on {host}:{port}: {error.strerror}; choose another port"
        ) from error
    return listener


def config(app: Starlette, shutdown_seconds: int) -> uvicorn.Config:
    """uvloop and httptools; frames up to 64 KiB; no permessage-deflate, which costs 42 KB per subscriber."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=WEBSOCKET_BYTES,
        ws_per_message_deflate=False,
        lifespan="off",
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=shutdown_seconds,
    )


def _with_tls(serving: uvicorn.Config, settings: Settings) -> uvicorn.Config:
    """The same with the certificate of the settings, if they name one."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None or key is None:
        return serving
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"UNSHIP_TLS_CERTIFICATE, UNSHIP_TLS_KEY: they cannot be used: {error}; both must be PEM, the key"
            " that of the certificate and without a passphrase"
        ) from error
    serving.ssl_certfile, serving.ssl_keyfile = str(certificate), str(key)
    return serving


class Server(uvicorn.Server):
    """Says where it listens, and tells open streams to end before it waits for them to end."""

    def __init__(self, settings: uvicorn.Config, draining: asyncio.Event) -> None:
        super().__init__(settings)
        self.announcement: str | None = None
        self._draining = draining

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.announcement:
            print(self.announcement, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._draining.set()
        await super().shutdown(sockets)
