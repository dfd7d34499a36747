"""What the runner needs of a durable engine, so that only `pipelines.engine` knows which one carries it.

A workflow repeats from its start after a crash; each transaction, step, sleep and branch that had been recorded
is answered from the record.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

T = TypeVar("T")


@dataclass(frozen=True)
class Branch:
    """A workflow to run beside others: `key` is unique within the execution; `arguments` are plain JSON."""

    workflow: str
    key: str
    arguments: tuple[Any, ...]


class Durable(Protocol):
    """The engine as seen from inside a workflow. Every result is plain JSON."""

    async def transaction(self, name: str, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Run `work` in one transaction of the application database that also records its result: exactly once."""
        ...

    async def step(
        self,
        name: str,
        act: Callable[[], Awaitable[T]],
        record: Callable[[AsyncSession, T], Awaitable[Any]],
    ) -> Any:
        """Run `act` at least once, so it must be safe to repeat; then `record` what it gave, exactly once.

        Returns what `record` returned.
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Sleep; a repetition sleeps only what remains."""
        ...

    async def branches(self, calls: Sequence[Branch]) -> list[Any]:
        """Run workflows at the same time and await all, also where one fails; results in the order of `calls`."""
        ...

    def is_interruption(self, raised: Exception) -> bool:
        """Whether the workflow cannot go on here now but will be taken up again; it must not be swallowed."""
        ...
