"""What all worlds are: a server, a clock, faults and a request log. Imports core and starlette only."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.routing import BaseRoute

from sandbox.core.clock import Clock
from sandbox.core.control import control_routes
from sandbox.core.faults import FaultBook
from sandbox.core.gate import Gate
from sandbox.core.operations import Operation, by_method
from sandbox.core.requests import RequestLog
from sandbox.core.server import BackgroundServer
from sandbox.core.wire import Object


class World(ABC):
    """One platform. Use it as a context manager; nothing runs before `serve`."""

    def __init__(self, tick: float) -> None:
        self.clock = Clock(tick)
        self.requests = RequestLog()
        self.faults = FaultBook()
        self._server: BackgroundServer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._gate: Gate | None = None

    @property
    def url(self) -> str:
        """http://host:port. Raises RuntimeError before `serve`."""
        if self._server is None:
            raise RuntimeError("the world is not running")
        return self._server.url

    @abstractmethod
    def routes(self) -> list[BaseRoute]:
        """The platform's own API."""

    @abstractmethod
    def control(self) -> list[BaseRoute]:
        """More routes under /_sandbox/."""

    @abstractmethod
    def connectors(self, directory: Path) -> list[Object]:
        """The entries of a connectors file for this world; what they refer to is written into `directory`."""

    @abstractmethod
    def close_streams(self) -> None:
        """Ends every open stream; called on the world's loop when it stops."""

    def operation(self, method: str, target: str, headers: Headers, body: bytes) -> Operation:  # noqa: ARG002
        """What a request asks for; a platform with one address for everything looks into headers and body."""
        return by_method(method, target)

    @property
    @abstractmethod
    def revision(self) -> object:
        """Another value after every change of what clients can change."""

    @abstractmethod
    def decode(self, content_type: str, body: bytes) -> Any:
        """A request's body for the log; never raises."""

    @abstractmethod
    def error(self, status: int, retry_after: int | None) -> tuple[str, bytes]:
        """Content type and body of an injected error, in the platform's own form."""

    def injected(self, operation: Operation, status: int, retry_after: int | None) -> tuple[int, str, bytes]:  # noqa: ARG002
        """Status and `error`; a platform whose errors differ by operation looks at what was asked."""
        return status, *self.error(status, retry_after)

    def serve(self, host: str, port: int) -> Self:
        """Starts answering; port 0 takes a free one."""
        routes = [*control_routes(self.requests, self.faults, self.clock), *self.control(), *self.routes()]
        app = Starlette(routes=routes, lifespan=self._lifespan)
        self._gate = Gate(app, self.requests, self.faults, self)
        self._server = BackgroundServer(self._gate, host, port)
        self._server.start()
        return self

    def close(self) -> None:
        """Ends the world; a second call does nothing."""
        if self._server is not None and self._loop is not None:
            loop, self._loop = self._loop, None
            self._server.stop(lambda: _run_on(loop, self._closing))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _closing(self) -> None:
        if self._gate is not None:
            self._gate.closing.set()
        self.close_streams()

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncGenerator[None]:
        self._loop = asyncio.get_running_loop()
        async with self.clock.running():
            yield


def _run_on(loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
    loop.call_soon_threadsafe(action)
