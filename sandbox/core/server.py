"""Serves one ASGI application with uvicorn in a background thread. Imports uvicorn and starlette's types."""

import asyncio
import socket
import threading
from collections.abc import Callable

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

START_SECONDS = 15.0
STOP_SECONDS = 10.0
BACKLOG = 512


class _Protocol(HttpToolsProtocol):
    """Puts the connection within the application's reach, so that a fault can reset it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        cycle: RequestResponseCycle | None = getattr(self, "cycle", None)
        return cycle is None or cycle.response_complete


class _Server(Server):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()
        self._shut: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.lifespan.state["shut"] = self.shut
        self.listening.set()

    def shut(self, seconds: float) -> None:
        """Takes no connections for so long, and resets those that wait for their next request."""
        if self._shut is not None and not self._shut.done():
            return
        address = self.servers[0].sockets[0].getsockname()
        self.servers.pop().close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, _Protocol) and connection.idle:
                connection.transport.abort()
        self._shut = asyncio.ensure_future(self._reopen_after(address, seconds))

    async def _reopen_after(self, address: tuple[str, int], seconds: float) -> None:
        await asyncio.sleep(seconds)
        listening = socket.create_server(address, backlog=BACKLOG)
        loop = asyncio.get_running_loop()
        self.servers.append(await loop.create_server(self._protocol, sock=listening, backlog=BACKLOG))

    def _protocol(self) -> asyncio.Protocol:
        return _Protocol(self.config, self.server_state, self.lifespan.state)


class BackgroundServer:
    """A listening socket from the first moment, and a thread that serves it."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._socket = socket.create_server((host, port), backlog=BACKLOG)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        config = Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
            timeout_keep_alive=60,
            server_header=False,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name=f"sandbox-{self.port}", daemon=True)

    def start(self) -> None:
        """Returns when requests are answered. Raises RuntimeError when that does not happen in time."""
        self._thread.start()
        if not self._server.listening.wait(START_SECONDS):
            raise RuntimeError("the sandbox server did not start")

    def stop(self, before: Callable[[], None]) -> None:
        """Ends the server; `before` runs first on its loop, to end open streams."""
        self._server.should_exit = True
        before()
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            raise RuntimeError("the sandbox server did not stop")

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])
