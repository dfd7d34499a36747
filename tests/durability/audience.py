"""Clients that follow executions at any of several servers, are cut off at random and go on after their cursor."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from db.statuses import FINISHED_EXECUTIONS
from tests.support.unship import PROGRESS

_PROTOCOL = Subprotocol("graphql-transport-ws")
_PATIENCE_SECONDS = 120
_BROKEN = (OSError, TimeoutError, WebSocketException, aiohttp.ClientError)

Batches = AsyncGenerator[dict[str, Any]]
Follow = Callable[[str, str, str | None], Batches]


@dataclass
class Reading:
    """What a client read of an execution over all its connections.

    `cuts`: how often it cut itself off; `breaks`: how often a server did, or could not be reached.
    """

    execution: str
    sequences: list[int] = field(default_factory=list[int])
    status: str = ""
    cursor: str | None = None
    cuts: int = 0
    breaks: int = 0

    def take(self, batch: dict[str, Any]) -> None:
        self.cursor, self.status = batch["cursor"], batch["execution"]["status"]
        self.sequences += [event["sequence"] for event in batch["events"]]

    @property
    def ended(self) -> bool:
        return self.status in FINISHED_EXECUTIONS


async def over_a_socket(url: str, execution: str, after: str | None) -> Batches:
    """The batches of one WebSocket, which ends without a goodbye when its reader does."""
    connection = await connect(
        url.replace("http", "ws", 1),
        subprotocols=[_PROTOCOL],
        compression=None,
        ping_interval=None,
        open_timeout=30,
    )
    try:
        await connection.send('{"type": "connection_init"}')
        payload = {"query": PROGRESS, "variables": {"id": execution, "after": after}}
        assert json.loads(await connection.recv())["type"] == "connection_ack"
        await connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        while (message := json.loads(await connection.recv()))["type"] == "next":
            yield message["payload"]["data"]["executionProgress"]
        assert message["type"] == "complete", message
    finally:
        connection.transport.abort()


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
                    yield json.loads(line.removeprefix(b"data:"))["data"]["executionProgress"]
        finally:
            if response.connection is not None and response.connection.transport is not None:
                response.connection.transport.abort()


@dataclass
class Audience:
    """Clients of the servers at `urls`; each connection lasts `patience` seconds on average, whatever comes."""

    urls: Sequence[str]
    random: Random
    patience: float
    readings: list[Reading] = field(default_factory=list[Reading])

    async def read(self, execution: str, follow: Follow) -> Reading:
        """Follow an execution from its first event to its last."""
        reading = Reading(execution)
        self.readings.append(reading)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not reading.ended:
                until = asyncio.timeout(self.random.expovariate(1 / self.patience))
                try:
                    async with until:
                        await self._listen(reading, follow)
                except _BROKEN:
                    reading.cuts += until.expired()
                    reading.breaks += not until.expired()
                    await asyncio.sleep(self.random.uniform(0, 0.2))
        return reading

    async def _listen(self, reading: Reading, follow: Follow) -> None:
        async with aclosing(follow(self.random.choice(self.urls), reading.execution, reading.cursor)) as batches:
            async for batch in batches:
                reading.take(batch)
