"""Requests and connections in the words of ASGI: what the door does with them. Imports starlette only."""

import asyncio
import socket
import struct

from starlette.types import Message, Receive, Scope

LINGER_ZERO = struct.pack("ii", 1, 0)


def target(scope: Scope) -> str:
    """A request's path and query."""
    query = scope["query_string"].decode("latin-1")
    return f"{scope['path']}?{query}" if query else scope["path"]


async def abort(scope: Scope) -> None:
    """Resets the connection."""
    transport = scope["state"]["transport"]
    if transport.is_closing():
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
    transport.abort()
    await _noticed()


async def end(scope: Scope) -> None:
    """Closes the connection in good order, with what was written to it."""
    scope["state"]["transport"].close()
    await _noticed()


async def _noticed() -> None:
    """Lets the server see that the connection is gone, so that it does not complain about a missing answer."""
    for _ in range(3):
        await asyncio.sleep(0)


async def read(receive: Receive) -> bytes | None:
    """A request's whole body; None where its client went away."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def replay(body: bytes, receive: Receive) -> Receive:
    """What gives an application a body that was read already."""
    first = True

    async def again() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again
