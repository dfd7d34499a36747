"""The verbs of a platform as a test tells them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from providers.values import Outcome, Snapshot
from tests.providers.attempts import TestAttempt
from tests.providers.platforms import Platform

OLD, NEW = "stable-perl", "stable-bullseye-perl"


@dataclass
class Story:
    """The verbs of a platform with the arguments that stay the same."""

    platform: Platform

    async def capture(self, version: str) -> Snapshot:
        platform = self.platform
        return await platform.provider.capture(platform.target, platform.release(version))

    async def deploy(self, version: str, attempt: TestAttempt) -> Outcome:
        platform = self.platform
        return await platform.provider.deploy(
            platform.target, platform.release(version), platform.deploy_step, attempt
        )

    async def roll_back(self, snapshot: Snapshot, attempt: TestAttempt) -> Outcome:
        platform = self.platform
        return await platform.provider.roll_back(platform.target, snapshot, platform.rollback_step, attempt)

    async def deployed_twice(self) -> Snapshot:
        """OLD, then NEW; the snapshot taken between them."""
        await self.deploy(OLD, TestAttempt("first"))
        snapshot = await self.capture(NEW)
        await self.deploy(NEW, TestAttempt("second"))
        return snapshot


def tell(platform: Platform, story: Callable[[Story], Awaitable[None]]) -> None:
    """Run a story in an event loop of its own, and give the connections back."""

    async def run() -> None:
        try:
            await story(Story(platform))
        finally:
            await platform.provider.close()

    asyncio.run(run())
