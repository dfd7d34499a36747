"""Wake-ups for those who follow an execution: hints only, the events table is the truth."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager


class Bell:
    """Rings within this process. A listener re-reads from its cursor whenever its event is set."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str | None, set[asyncio.Event]] = defaultdict(set)

    def ring(self, execution_id: str) -> None:
        """Wake everybody who follows this execution, and everybody who follows all of them."""
        for key in (execution_id, None):
            for event in self._listeners.get(key, ()):
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
