"""The verbs of a platform as a test tells them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from providers.values import Effect, Outcome, Snapshot
from tests.providers.attempts import TestAttempt
from tests.providers.platform import Platform

OLD, NEW = "stable-perl", "stable-bullseye-perl"


@dataclass
class Story:
    """The verbs of a platform with the arguments that stay the same."""

    platform: Platform

    async def capture(self, version: str) -> Snapshot:
        platform = self.platform
        return await platform.provider.capture(platform.target, platform.release(version))

    async def deploy(self, version: str, attempt: TestAttempt) -> Outcome:
        """All forward steps of the strategy, one after another."""
        steps = range(len(self.platform.deploy_steps))
        return _together([await self.deploy_step(number, version, attempt) for number in steps])

    async def deploy_step(self, number: int, version: str, attempt: TestAttempt) -> Outcome:
        """The forward step of that number, from 0."""
        platform, step = self.platform, self.platform.deploy_steps[number]
        return await platform.provider.deploy(
            platform.target, platform.release(version), step, attempt.at_step(number)
        )

    async def roll_back(self, snapshot: Snapshot, attempt: TestAttempt) -> Outcome:
        """All rollback steps of the strategy, one after another."""
        steps = range(len(self.platform.rollback_steps))
        return _together([await self.rollback_step(number, snapshot, attempt) for number in steps])

    async def rollback_step(self, number: int, snapshot: Snapshot, attempt: TestAttempt) -> Outcome:
        """The rollback step of that number, from 0."""
        platform, step = self.platform, self.platform.rollback_steps[number]
        return await platform.provider.roll_back(platform.target, snapshot, step, attempt.at_step(number))

    async def deployed_twice(self) -> Snapshot:
        """OLD, then NEW; the snapshot taken between them."""
        await self.deploy(OLD, TestAttempt("first"))
        snapshot = await self.capture(NEW)
        await self.deploy(NEW, TestAttempt("second"))
        return snapshot


def _together(outcomes: list[Outcome]) -> Outcome:
    """What several steps did, as if they were one."""
    outputs = {name: value for outcome in outcomes for name, value in outcome.outputs.items()}
    changed = any(outcome.effect is Effect.CHANGED for outcome in outcomes)
    reason = None if changed else outcomes[-1].reason
    return Outcome(effect=Effect.CHANGED if changed else Effect.SKIPPED, reason=reason, outputs=outputs)


def tell(platform: Platform, story: Callable[[Story], Awaitable[None]]) -> None:
    """Run a story in an event loop of its own, and give the connections back."""

    async def run() -> None:
        try:
            await story(Story(platform))
        finally:
            await platform.provider.close()

    asyncio.run(run())
