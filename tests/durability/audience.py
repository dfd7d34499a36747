"""Clients that follow executions at any of several servers, are cut off at random and go on after their cursor."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from db.statuses import FINISHED_EXECUTIONS
from tests.support.unship import PROGRESS

_PROTOCOL = Subprotocol("graphql-transport-ws")
_PATIENCE_SECONDS = 300
_BROKEN = (OSError, TimeoutError, WebSocketException, aiohttp.ClientError)

Batches = AsyncGenerator[dict[str, Any]]
Follow = Callable[[str, str, str | None], Batches]


class Refused(OSError):
    """The server says that it cannot answer at this moment, and to try again."""


def _unavailable(errors: Sequence[Mapping[str, Any]]) -> bool:
    return bool(errors) and all(error["extensions"]["code"] == "UNAVAILABLE" for error in errors)


def _batch(answer: dict[str, Any]) -> dict[str, Any]:
    if _unavailable(answer.get("errors", [])):
        raise Refused
    batch: dict[str, Any] = answer["data"]["executionProgress"]
    return batch


@dataclass
class Reading:
    """What a client read of an execution over all its connections.

    `cuts`: how often it cut itself off; `breaks`: how often a server did, or could not be reached; `refusals`: how
    often one could not answer.
    """

    execution: str
    sequences: list[int] = field(default_factory=list[int])
    status: str = ""
    cursor: str | None = None
    cuts: int = 0
    breaks: int = 0
    refusals: int = 0

    def take(self, batch: dict[str, Any]) -> None:
        self.cursor, self.status = batch["cursor"], batch["execution"]["status"]
        self.sequences += [event["sequence"] for event in batch["events"]]

    @property
    def ended(self) -> bool:
        return self.status in FINISHED_EXECUTIONS


@asynccontextmanager
async def subscribed(
    url: str, query: str, variables: Mapping[str, str | None], **options: Any
) -> AsyncGenerator[ClientConnection]:
    """A WebSocket with this one subscription; it ends without a goodbye when the block does."""
    connection = await connect(
        url.replace("http", "ws", 1),
        subprotocols=[_PROTOCOL],
        compression=None,
        ping_interval=None,
        open_timeout=30,
        **options,
    )
    try:
        await connection.send('{"type": "connection_init"}')
        assert json.loads(await connection.recv())["type"] == "connection_ack"
        payload = {"query": query, "variables": variables}
        await connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        yield connection
    finally:
        connection.transport.abort()


async def batches_of(connection: ClientConnection) -> Batches:
    """What a subscription to executionProgress sends, until it completes."""
    while (message := json.loads(await connection.recv()))["type"] == "next":
        yield _batch(message["payload"])
    if message["type"] == "error" and _unavailable(message["payload"]):
        raise Refused
    assert message["type"] == "complete", message


async def over_a_socket(url: str, execution: str, after: str | None) -> Batches:
    """The batches of one WebSocket."""
    async with subscribed(url, PROGRESS, {"id": execution, "after": after}) as connection:
        async for batch in batches_of(connection):
            yield batch


async def over_events(url: str, execution: str, after: str | None) -> Batches:
    """The same of one stream of Server-Sent Events."""
    body = {"query": PROGRESS, "variables": {"id": execution, "after": after}}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30)
    async with (
        aiohttp.ClientSession(timeout=timeout, read_bufsize=2**20) as session,
        session.post(url, json=body, headers={"accept": "text/event-stream"}) as response,
    ):
        assert response.status == 200, await response.text()
        try:
            async for line in response.content:
                if line.startswith(b"data: {"):
                    yield _batch(json.loads(line.removeprefix(b"data:")))
        finally:
            if response.connection is not None and response.connection.transport is not None:
                response.connection.transport.abort()


@dataclass
class Audience:
    """Clients of the servers at `urls`; from its first batch, a connection lasts `patience` seconds on average."""

    urls: Sequence[str]
    random: Random
    patience: float
    readings: list[Reading] = field(default_factory=list[Reading])

    async def read(self, execution: str, follow: Follow) -> Reading:
        """Follow an execution from its first event to its last."""
        reading = Reading(execution)
        self.readings.append(reading)
        loop = asyncio.get_running_loop()
        ends = loop.time() + _PATIENCE_SECONDS
        while not reading.ended:
            assert loop.time() < ends, f"not at its end within {_PATIENCE_SECONDS} s: {reading}"
            until = asyncio.timeout_at(ends)
            try:
                async with until:
                    await self._listen(reading, follow, until)
            except _BROKEN as error:
                refused = isinstance(error, Refused)
                reading.refusals += refused
                reading.cuts += until.expired()
                reading.breaks += not refused and not until.expired()
                await asyncio.sleep(self.random.uniform(0, 1))
        return reading

    async def _listen(self, reading: Reading, follow: Follow, until: asyncio.Timeout) -> None:
        heard = False
        async with aclosing(follow(self.random.choice(self.urls), reading.execution, reading.cursor)) as batches:
            async for batch in batches:
                reading.take(batch)
                if not heard:
                    heard = True
                    until.reschedule(
                        asyncio.get_running_loop().time() + self.random.expovariate(1 / self.patience)
                    )
