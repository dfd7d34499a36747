"""Keeps long lists from holding the event loop: so many rows in one turn of it, none while something is urgent.

Between two turns the loop hears what else has come, such as a rollback. Imports nothing of the project.
"""

from __future__ import annotations

import asyncio
from collections import deque

ROWS = 500


class Pace:
    """The rows that all queries of a process complete, in the order in which their lists came."""

    def __init__(self, rows: int = ROWS) -> None:
        self._rows = rows
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begin()

    def _begin(self) -> None:
        self._left = self._rows
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._scheduled = self._held = False

    async def turn(self, rows: int) -> None:
        """Returns when a list of that length may be completed."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            self._begin()
        if self._left > 0 and not self._waiting and not self._held:
            self._left -= rows
            self._schedule(loop)
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append((rows, turn))
        self._schedule(loop)
        await turn

    def hold(self) -> None:
        """No list is completed until `go`."""
        self._held = True

    def go(self) -> None:
        self._held = False
        if self._loop is not None and self._waiting:
            self._schedule(self._loop)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._next, loop)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = False
        if self._held or loop is not self._loop:
            return
        self._left = self._rows
        while self._waiting and self._left > 0:
            rows, turn = self._waiting.popleft()
            if not turn.done():
                self._left -= rows
                turn.set_result(None)
        if self._left < self._rows:
            self._schedule(loop)
