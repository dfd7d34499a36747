"""Waiting for a turn, fairly and for so long only. Imports nothing of the project."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.exc import TimeoutError as PoolTimeoutError

# A crowd of clicks needs seconds and is no outage.
_SECONDS = 30


@asynccontextmanager
async def turn(lock: asyncio.Lock | asyncio.Semaphore) -> AsyncGenerator[None]:
    """Holds the lock in the block; an outage (`db.outages`) where it is not to be had within 30 seconds."""
    try:
        async with asyncio.timeout(_SECONDS):
            await lock.acquire()
    except TimeoutError as error:
        raise PoolTimeoutError(f"no turn within {_SECONDS} s") from error
    try:
        yield
    finally:
        lock.release()


@dataclass
class _Queue:
    abreast: asyncio.Semaphore
    users: int = 0


class Queues:
    """Of those who ask for the same at the same moment, a few (`abreast`) are served; the others hold nothing."""

    def __init__(self, abreast: int) -> None:
        self._abreast = abreast
        self._queues: dict[Hashable, _Queue] = {}

    def __len__(self) -> int:
        return len(self._queues)

    @asynccontextmanager
    async def turn(self, what: Hashable) -> AsyncGenerator[None]:
        """One's turn at `what`, in the block."""
        queue = self._queues.setdefault(what, _Queue(asyncio.Semaphore(self._abreast)))
        queue.users += 1
        try:
            async with turn(queue.abreast):
                yield
        finally:
            queue.users -= 1
            if not queue.users:
                del self._queues[what]
