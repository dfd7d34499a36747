"""Wake-ups for those who follow an execution: hints only, the events table is the truth."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager


def _to_nobody(_execution_id: str) -> None:
    pass


class Bell:
    """A listener re-reads from its cursor whenever its event is set.

    `relay` hands each ring of this process to the others, where there are any.
    """

    def __init__(self) -> None:
        self.relay: Callable[[str], None] = _to_nobody
        self._listeners: defaultdict[str | None, set[asyncio.Event]] = defaultdict(set)

    def ring(self, execution_id: str) -> None:
        """Wake everybody who follows this execution, and everybody who follows all of them."""
        self.wake(execution_id)
        self.relay(execution_id)

    def wake(self, execution_id: str) -> None:
        """Wake them in this process alone."""
        for key in (execution_id, None):
            for event in self._listeners.get(key, ()):
                event.set()

    def wake_all(self) -> None:
        """Wake everybody in this process: rings of the others may have been missed."""
        for events in self._listeners.values():
            for event in events:
                event.set()

    @contextmanager
    def listen(self, execution_id: str | None) -> Generator[asyncio.Event]:
        """An event that is set at each ring for that execution (None: for any)."""
        event = asyncio.Event()
        self._listeners[execution_id].add(event)
        try:
            yield event
        finally:
            self._listeners[execution_id].discard(event)
            if not self._listeners[execution_id]:
                del self._listeners[execution_id]
