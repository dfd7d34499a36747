"""The connections of uvicorn, with a bound on how long a client may leave unread what waits for it.

uvicorn holds a writer back while its client does not read, for ever, and a transport that is closed waits for
the client to take what is left, for ever too. Imports providers.telemetry and its neighbours.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import sys
from typing import TYPE_CHECKING, cast

from providers.telemetry import Tally, facts
from server.request_heads import PromptHeads
from server.socket_frames import OrderlyFrames

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

_log = logging.getLogger("unship.graphql")

GIVEN_UP = Tally(
    "unship_slow_readers_closed_total", "Connections that were closed because the client did not read."
)

STALLED_SECONDS = 30.0
CLOSING_SECONDS = 5.0
LOOK_SECONDS = 2.0
LEAST_BYTES = 32 * 1024
"""What has to be taken in STALLED_SECONDS: who takes a byte now and then does not read either."""

# The kernel would take up to 4 MiB for each client that does not read. What is on its way does not count.
_UNSENT_BYTES = 128 * 1024
_CODE, _REASON = 1013, "The client does not read"


class _BoundedPatience(asyncio.Protocol):
    """While writing is paused, or the connection is to close, its buffer has to shrink."""

    _transport: asyncio.Transport
    _timer: asyncio.TimerHandle
    _paused = False
    _left = 0
    _until = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._transport = cast("asyncio.Transport", transport)
        if sys.platform == "linux":
            _socket_of(self._transport).setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        self._took_some()
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._paused = True
        self._took_some()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._paused = False
        super().resume_writing()

    def hurry(self) -> None:
        """The process is about to end: who does not read is not waited for as long."""
        self._until = min(self._until, asyncio.get_running_loop().time() + CLOSING_SECONDS)

    def give_up(self) -> None:
        """End the connection of a client that does not read."""
        self._reset()

    def _reset(self) -> None:
        # Otherwise the kernel keeps what the client has not read and goes on offering it.
        _socket_of(self._transport).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _took_some(self) -> None:
        self._left = self._transport.get_write_buffer_size()
        self._until = asyncio.get_running_loop().time() + STALLED_SECONDS

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        if self._transport.get_protocol() is not self:
            return  # it has become a WebSocket, which looks itself
        left = self._transport.get_write_buffer_size()
        only_shrinks = self._paused or self._transport.is_closing()
        if not only_shrinks or left <= self._left - LEAST_BYTES:
            self._took_some()
        elif (now := asyncio.get_running_loop().time()) >= self._until:
            self._until = now + CLOSING_SECONDS
            self._say()
            self.give_up()
        self._look_later()

    def _say(self) -> None:
        if not self._transport.is_closing():
            GIVEN_UP.add()
            peer = self._transport.get_extra_info("peername")
            _log.info("a client does not read: its connection is closed", extra=facts(address=peer[0]))


class HttpConnection(_BoundedPatience, PromptHeads):
    """Where the client does not read, the connection is reset: a stream is continued by its cursor."""

    def shutdown(self) -> None:
        super().shutdown()
        self.hurry()


class WebSocketConnection(_BoundedPatience, OrderlyFrames):
    """Where the client does not read, it is told 1013, which it finds if it reads again soon, and then reset."""

    async def send(self, message: ASGISendEvent) -> None:
        """Comes back when there is room again: nothing more is made for a client that has not taken this."""
        await super().send(message)
        await self.writable.wait()

    def shutdown(self) -> None:
        super().shutdown()
        self.hurry()

    def give_up(self) -> None:
        if self._transport.is_closing():
            self._reset()
            return
        # As uvicorn itself does at its shutdown: its own `send` would wait for the client.
        self.queue.put_nowait({"type": "websocket.disconnect", "code": _CODE, "reason": _REASON})
        self.conn.send_close(_CODE, _REASON)
        self._transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._transport.close()


def _socket_of(transport: asyncio.Transport) -> socket.socket:
    found: socket.socket = transport.get_extra_info("socket")
    return found
