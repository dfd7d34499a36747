"""The HTTP connections of uvicorn, with bounds on what a client owes before it is answered: the head of a request.

uvicorn waits for one for ever, takes one of any size, and opens as many connections as there are descriptors.
Imports nothing of the project.
"""

from __future__ import annotations

import asyncio
import resource
import sys

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
"""From connecting, or from the last answer, to the end of the next head; what is left of a body included."""

MOST_HEAD_BYTES = 64 * 1024
# What is no body: heads that are not complete yet, the sizes of chunks, trailers.
_MOST_AROUND_BYTES = 4 * MOST_HEAD_BYTES
_MOST_CONNECTIONS = 10_000
# For the database, the platforms, and what steps start.
_KEPT_DESCRIPTORS = 256
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _HeadTooLarge(Exception):
    """Out of the parser, which goes no further then."""


def raise_descriptors() -> None:
    """Let this process have as many descriptors as its connections may need, where the system allows that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_CONNECTIONS + _KEPT_DESCRIPTORS
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def most_connections() -> int:
    """How many there may be at once, so that some descriptors are left."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return min(_MOST_CONNECTIONS, max(soft - _KEPT_DESCRIPTORS, soft // 2))


class PromptHeads(HttpToolsProtocol):
    """A connection that is closed where a head is late, and answered 431 where it is too large."""

    _deadline: asyncio.TimerHandle | None = None
    _in_head = False
    _around = 0
    _latest = b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            self.loop.call_soon(transport.abort)
        else:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._latest = data
        self._around += len(data)
        super().data_received(data)
        self._latest = b""
        if self._around > _MOST_AROUND_BYTES and not self.transport.is_closing():
            self._refuse_size()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes after the body has been checked by nobody, and must not stand among the headers.
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MOST_HEAD_BYTES:
            raise _HeadTooLarge
        if self._offers_other_protocol():
            return
        self._take_host_of_target()
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self._expect_nothing()

    def on_body(self, body: bytes) -> None:
        self._around -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._around = 0
        if not self._offers_other_protocol():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:
            # What has come of a body that nobody wanted would stay for as long as the connection.
            self.cycle.body = bytearray()
            self._expect_head()

    def handle_websocket_upgrade(self) -> None:
        self._expect_nothing()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        refused = sys.exception()
        if refused is not None and isinstance(refused.__context__, _HeadTooLarge):
            self._refuse_size()
        else:
            super().send_400_response(msg)

    def _refuse_size(self) -> None:
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _expect_head(self) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _take_host_of_target(self) -> None:
        """Where the target is a whole address, its host counts, whatever Host says (RFC 9112, 3.2.2)."""
        if self.url.startswith(b"/"):
            return
        target = httptools.parse_url(self.url)
        if target.host:
            host = b"[%b]" % target.host if b":" in target.host else target.host
            port = b":%d" % target.port if target.port else b""
            self.headers[:] = [header for header in self.headers if header[0] != b"host"]
            self.headers.append((b"host", host + port))

    def _offers_other_protocol(self) -> bool:
        """Whether the client would rather go on with another protocol than WebSocket, such as HTTP/2."""
        return self.parser.should_upgrade() and self._get_upgrade() is not None and not self._should_upgrade()

    def _unsupported_upgrade_warning(self) -> None:
        """Read the request again without that offer, which may be ignored: the parser takes no body after one."""
        upgrade = sys.exception()
        if not self._offers_other_protocol() or not isinstance(upgrade, httptools.HttpParserUpgrade):
            return
        body = self._latest[upgrade.args[0] :]
        version = self.parser.get_http_version().encode()
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/", version, b"\r\n"]
        for name, value in self.headers:
            if name != b"upgrade":
                head += [name, b": ", value, b"\r\n"]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"".join([*head, b"\r\n", body]))
