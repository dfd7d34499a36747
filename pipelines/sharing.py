"""One answer for all who ask the same at the same moment, so that a crowd costs a platform one question.

Imports nothing of the project.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Shared:
    """Questions under way. Nothing is kept once a question is answered: the next one is asked anew."""

    def __init__(self) -> None:
        self._asked: dict[Hashable, asyncio.Task[Any]] = {}

    async def answer(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` gives or raises, or the same question (`key`) that somebody asked before and awaits still.

        Somebody who no longer waits takes nothing away from the others; `ask` must end by itself.
        """
        task = self._asked.get(key)
        if task is None:

            async def asking() -> T:
                return await ask()

            task = asyncio.create_task(asking())
            self._asked[key] = task
            task.add_done_callback(lambda _: self._asked.pop(key, None))
        return await asyncio.shield(task)
