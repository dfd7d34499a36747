"""The process that listens: uvicorn with our limits, a start that says what is wrong, an end in order.

The end: not ready and no new mutations, then no new connections, then streams end and requests under way are
waited for, then the engine lets go of its executions. Each has a bound, and so has the whole. Imports server.app.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import signal
import socket
import ssl
from contextlib import ExitStack
from types import FrameType

import uvicorn
import uvloop
from starlette.applications import Starlette

from server import logs
from server.app import create_app
from server.operations_port import operations_port
from server.request_heads import raise_descriptors
from server.running import Running
from server.settings import Settings, SettingsError
from server.slow_readers import HttpConnection, WebSocketConnection
from server.starting import say_ended, say_leaving, say_started

WEBSOCKET_BYTES = 64 * 1024
# How many new objects before Python looks for garbage; at its 700, that was half of the time of a big plan.
_YOUNG_OBJECTS = 10_000
# For the engine and the operations port, after the last request.
_STOP_SECONDS = 5


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; 0 after an end in order. Raises what the start may raise."""
    logs.configure(settings.log_format)
    raise_descriptors()
    with ExitStack() as sockets:
        listener = sockets.enter_context(_bound(settings.host, settings.port, "UNSHIP_HOST, UNSHIP_PORT"))
        operations = None
        if settings.operations_port is not None:
            names = "UNSHIP_OPERATIONS_HOST, UNSHIP_OPERATIONS_PORT"
            operations = sockets.enter_context(_bound(settings.operations_host, settings.operations_port, names))
        return _serve_on(listener, operations, settings)


def _serve_on(listener: socket.socket, operations: socket.socket | None, settings: Settings) -> int:
    app = create_app(settings)
    served = _with_tls(config(app, settings.shutdown_seconds), settings)
    server = Server(served, app.state.running, settings.drain_seconds)
    server.longest_end = settings.drain_seconds + settings.shutdown_seconds + _STOP_SECONDS

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.leave()

    # uvicorn raises the signal again when it has stopped serving, and the engine still has to end in order then.
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        return uvloop.run(_run(app, server, listener, operations, settings))
    finally:
        faulthandler.cancel_dump_traceback_later()
        for number, handler in before.items():
            signal.signal(number, handler)


async def _run(
    app: Starlette,
    server: Server,
    listener: socket.socket,
    operations: socket.socket | None,
    settings: Settings,
) -> int:
    async with operations_port(operations, app.state.running, settings.callable_hosts):
        # Not uvicorn's own lifespan: it answers a start that fails with a traceback instead of raising it.
        async with app.router.lifespan_context(app):
            # What the start has made lives as long as the process; looking for garbage in it took 0.15 s a time.
            gc.freeze()
            gc.set_threshold(_YOUNG_OBJECTS)
            if not server.should_exit:
                address = _address(listener)
                say_started(settings, app.state.connectors, address, _address(operations) if operations else None)
                scheme = "https" if server.config.is_ssl else "http"
                server.announcement = f"Unship is ready: {scheme}://{address}/graphql"
                await server.serve([listener])
        say_ended()
    return 0


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bound(host: str, port: int, names: str) -> socket.socket:
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
            f"{names}: cannot listen on {host}:{port}: {error.strerror}; choose another port"
        ) from error
    return listener


def config(app: Starlette, shutdown_seconds: int) -> uvicorn.Config:
    """uvloop and httptools; frames up to 64 KiB; no permessage-deflate, which costs 42 KB per subscriber."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=HttpConnection,
        ws=WebSocketConnection,
        ws_max_size=WEBSOCKET_BYTES,
        ws_per_message_deflate=False,
        lifespan="off",
        access_log=False,
        server_header=False,
        # It would believe whoever calls from this machine; server/forwarded.py believes the operator's proxy.
        proxy_headers=False,
        log_config=None,
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
    """Says where it listens, and ends in the order that the module's docstring gives."""

    def __init__(self, settings: uvicorn.Config, running: Running, drain_seconds: float = 0) -> None:
        super().__init__(settings)
        self.announcement: str | None = None
        self.longest_end: float | None = None
        self._running = running
        self._drain_seconds = drain_seconds

    def leave(self) -> None:
        """Begin the end. After `longest_end` seconds the process ends even where nothing in it gets its turn."""
        if not self.should_exit and self.longest_end is not None:
            faulthandler.dump_traceback_later(self.longest_end, exit=True)
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        again = self.should_exit
        self.leave()
        if again:
            super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.announcement:
            print(self.announcement, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        say_leaving()
        self._running.leave()
        # The port is still open: who asks for readiness must see that there is none.
        await asyncio.sleep(self._drain_seconds)
        self._running.draining.set()
        await super().shutdown(sockets)
