"""The WebSocket connections of uvicorn, where a client's handshake or frames are not as they should be.

Imports nothing of the project.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from websockets.frames import Frame
    from websockets.http11 import Request

_END = b"content-length: 0\r\nconnection: close\r\n\r\n"
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\n" + _END
_OTHER_VERSION = b"HTTP/1.1 426 Upgrade Required\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n" + _END


class OrderlyFrames(WebSocketsSansIOProtocol):
    """As uvicorn's, with an answer to each bad handshake, and without what bad frames could do to the server."""

    def data_received(self, data: bytes) -> None:
        """A handshake that cannot be read, all of which is the first data, is refused; uvicorn says nothing."""
        super().data_received(data)
        if not self.handshake_initiated and not self.transport.is_closing():
            self._refuse(_BAD_REQUEST)

    def handle_connect(self, event: Request) -> None:
        """Who speaks another version is told which one is spoken here (RFC 6455, 4.4)."""
        if event.headers.get_all("Sec-WebSocket-Version") == ["13"]:
            super().handle_connect(event)
        else:
            self._refuse(_OTHER_VERSION)

    def handle_cont(self, event: Frame) -> None:
        """What is empty is not kept: no bound on the bytes of a message would ever stop it."""
        if event.data or event.fin:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """Broken UTF-8 closes the socket with 1007, as there, but is no error of the server."""
        if self.close_sent or self.curr_msg_data_type != "text" or _is_utf8(b"".join(self.frames)):
            super().send_receive_event_to_app()
        else:
            self.frames = []
            self.conn.send_close(1007)
            self.handle_parser_exception()

    def _refuse(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
