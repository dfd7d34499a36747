"""GraphQL over Server-Sent Events, the distinct-connections mode of the graphql-sse protocol.

Imports server.json_codec and server.graphql_service.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any

from starlette.types import Receive, Scope, Send

from server import json_codec
from server.graphql_service import Answer, refusal
from server.tasks import first_to_end

_log = logging.getLogger("unship.graphql")

Ended = Callable[[], Coroutine[Any, Any, object]]
Write = Callable[[bytes], Awaitable[None]]

HEARTBEAT_SECONDS = 12.0
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


class EventStream:
    """An ASGI response: each answer as a `next` event, then `complete`.

    Ends, and gives back what the operation holds, as soon as the client leaves; when the server drains, or `ended`
    returns because the caller is no longer welcome, it ends without `complete`, so that clients connect again. A
    reader that does not read holds one event, no more.
    """

    def __init__(self, answers: AsyncGenerator[Answer], draining: asyncio.Event, ended: Ended) -> None:
        self._answers = answers
        self._draining = draining
        self._ended = ended

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        one_at_a_time = asyncio.Lock()

        async def write(text: bytes) -> None:
            async with one_at_a_time:
                await send({"type": "http.response.body", "body": text, "more_body": True})
                # Comes back when there is room again: nothing more is made for a client that has not taken this.
                await send({"type": "http.response.body", "body": b"", "more_body": True})

        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await first_to_end(
            _beat(write), self._write_answers(write), _gone(receive), self._draining.wait(), self._ended()
        )
        await send({"type": "http.response.body", "body": b""})

    async def _write_answers(self, write: Write) -> None:
        async with aclosing(self._answers):
            try:
                async for answer in self._answers:
                    await write(_event(answer))
            except Exception:
                _log.exception("a stream of answers broke")
                await write(_event(refusal("Unexpected error.", "INTERNAL_SERVER_ERROR")))
        await write(b"event: complete\ndata:\n\n")


def _event(answer: Answer) -> bytes:
    return b"event: next\ndata: " + json_codec.encode(answer.body) + b"\n\n"


async def _beat(write: Write) -> None:
    """A comment at once, which opens the stream, and then in intervals, which keep it open at proxies."""
    while True:
        await write(b":\n\n")
        await asyncio.sleep(HEARTBEAT_SECONDS)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
