"""Attempts as the runner would make them, which remember what they were told and can break off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from providers.values import Progress


class BrokenOffError(Exception):
    """The process may no longer act: what a runner raises from `before_effect`."""


@dataclass
class TestAttempt:
    """One try at each step of a strategy. With `breaks_before` n it breaks off at the n-th request that would
    change something, counted over all steps."""

    __test__ = False

    token: str
    seconds_left: float = 30.0
    breaks_before: int | None = None
    effects: int = 0
    told: list[Progress] = field(default_factory=list[Progress])

    def at_step(self, number: int) -> StepAttempt:
        """This try at the strategy's step of that number."""
        return StepAttempt(self, f"{self.token}-{number}" if number else self.token)

    async def report(self, progress: Progress) -> None:
        if not self.told or self.told[-1] != progress:
            self.told.append(progress)

    async def before_effect(self) -> None:
        if self.breaks_before is not None and self.effects + 1 >= self.breaks_before:
            raise BrokenOffError
        self.effects += 1


@dataclass
class Disturbed(TestAttempt):
    """Somebody else acts when the first progress is told."""

    act: Callable[[], object] | None = None

    async def report(self, progress: Progress) -> None:
        await super().report(progress)
        if (act := self.act) is not None:
            self.act = None
            await asyncio.to_thread(act)


@dataclass(frozen=True)
class StepAttempt:
    """The part of an attempt that one step gets: a token of its own."""

    whole: TestAttempt
    token: str

    @property
    def seconds_left(self) -> float:
        return self.whole.seconds_left

    async def report(self, progress: Progress) -> None:
        await self.whole.report(progress)

    async def before_effect(self) -> None:
        await self.whole.before_effect()
