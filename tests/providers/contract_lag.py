"""The contract of providers whose platform is consistent in the end only: a read may be from before a write.

Those on AWS. Kubernetes and Cloud Foundry answer with what was written.
"""

from __future__ import annotations

from sandbox.core.faults import Fault, FaultMode
from tests.providers.attempts import TestAttempt
from tests.providers.platform import Platform
from tests.providers.stories import NEW, OLD, Story, tell


def test_reads_that_lag_behind_are_outlasted(platform: Platform) -> None:
    """Every read shows what the same one before it should have."""

    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = platform.state()
        lagging = platform.world.faults.add(
            Fault(FaultMode.STALE, writes=False, times=None, user_agent=platform.agent)
        )
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, TestAttempt("second"))
        assert set(platform.running()) == {NEW}
        assert await _serving(platform) == {NEW}
        await story.roll_back(snapshot, TestAttempt("third"))
        assert platform.state() == before
        assert await _serving(platform) == {OLD}
        assert lagging.fired > 0

    tell(platform, story)


async def _serving(platform: Platform) -> set[str | None]:
    """The versions of the live instances that serve, as the provider lists them."""
    listed = await platform.provider.instances(platform.target, platform.release(NEW))
    return {platform.version(item.artifact) for item in listed if platform.serves(item)}
