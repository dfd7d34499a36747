"""Who runs now: mutations at once, queries by what they cost, and none begins while a rollback is asked for.

Queries share one event loop with everything else, and a list of thousands of objects holds it for a while; so big
ones run one after another, and what undoes a deployment waits for one at most. Imports schema.pacing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager

from schema.pacing import Pace

LONGEST_PAUSE = 1.0
_LEAST_WEIGHT = 400


class Crowded(Exception):
    """No turn came in time."""


class Turns:
    """`capacity` is the sum of the costs that run together; a query that costs more runs alone.

    `pace` is that of the lists that queries complete.
    """

    def __init__(self, capacity: int, patience: float, pace: Pace | None = None) -> None:
        self._capacity = capacity
        self._pace = pace or Pace()
        self._patience = patience
        self._running = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._urgent = 0
        self._calm = asyncio.Event()
        self._calm.set()

    async def calm(self) -> None:
        """Wait while a rollback is taken in, for a second at most."""
        await self._calm.wait()

    async def enter(self, cost: int) -> None:
        """Wait for the turn of a query, which `leave` must end; Crowded where none comes in time."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (self._weight(cost), turn)
        self._waiting.append(entry)
        self._let_in()
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            self._give_up(entry)
            if isinstance(error, TimeoutError):
                raise Crowded from error
            raise

    def leave(self, cost: int) -> None:
        self._running -= self._weight(cost)
        self._let_in()

    @contextmanager
    def urgent(self) -> Generator[None]:
        """No query begins meanwhile, and none goes on to its next list, for a second at most."""
        if self._urgent == 0:
            self._calm.clear()
            self._pace.hold()
            self._alarm = asyncio.get_running_loop().call_later(LONGEST_PAUSE, self._resume)
        self._urgent += 1
        try:
            yield
        finally:
            self._urgent -= 1
            if self._urgent == 0:
                self._alarm.cancel()
                self._resume()

    def _resume(self) -> None:
        self._calm.set()
        self._pace.go()
        self._let_in()

    def _weight(self, cost: int) -> int:
        return min(max(cost, _LEAST_WEIGHT), self._capacity)

    def _give_up(self, entry: tuple[int, asyncio.Future[None]]) -> None:
        weight, turn = entry
        if turn.done() and not turn.cancelled():
            self._running -= weight
        else:
            self._waiting.remove(entry)
        self._let_in()

    def _let_in(self) -> None:
        if not self._calm.is_set():
            return
        while self._waiting and self._running + self._waiting[0][0] <= self._capacity:
            weight, turn = self._waiting.popleft()
            self._running += weight
            turn.set_result(None)
