"""Values by key, read in batches: keys that are asked for in the same turn of the event loop are read together.

Imports nothing of the project.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Batches(Generic[KeyT, ValueT]):
    """Each key is read once, by `read`, which answers keys with values in key order.

    `values` holds what has come. A batch that failed has failed for all its keys, and stays so.
    """

    def __init__(self, read: Callable[[list[KeyT]], Awaitable[Sequence[ValueT]]]) -> None:
        self.values: dict[KeyT, ValueT] = {}
        self._read = read
        self._failures: dict[KeyT, BaseException] = {}
        self._coming: dict[KeyT, asyncio.Event] = {}
        self._next: tuple[list[KeyT], asyncio.Event] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def value(self, key: KeyT) -> ValueT:
        """The value of the key; raises what reading it raised."""
        if key not in self.values:
            await self.come([key])
        if key in self._failures:
            raise self._failures[key]
        return self.values[key]

    async def come(self, keys: Iterable[KeyT]) -> None:
        """Returns when all these keys have been read; what fails is raised to those who ask for the value."""
        awaited: set[asyncio.Event] = set()
        for key in keys:
            if key not in self.values and key not in self._failures:
                if key not in self._coming:
                    self._ask_for(key)
                awaited.add(self._coming[key])
        for batch in awaited:
            await batch.wait()

    def _ask_for(self, key: KeyT) -> None:
        if self._next is None:
            self._next = [], asyncio.Event()
            asyncio.get_running_loop().call_soon(self._begin)
        keys, come = self._next
        keys.append(key)
        self._coming[key] = come

    def _begin(self) -> None:
        assert self._next is not None
        # A task of its own: a caller who gives up does not take the batch away from the others.
        task = asyncio.create_task(self._fill(*self._next))
        self._next = None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fill(self, keys: list[KeyT], come: asyncio.Event) -> None:
        try:
            self.values.update(zip(keys, await self._read(keys), strict=True))
        except BaseException as error:
            self._failures.update(dict.fromkeys(keys, error))
            if not isinstance(error, Exception):
                raise
        finally:
            come.set()
