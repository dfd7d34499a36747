"""Reads of Auto Scaling that lag behind: what others really did is told all the same, and at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.errors import ProviderConflict, ProviderRefused
from sandbox.core.faults import Fault, FaultMode
from tests.providers.asg.platform import NAME, AsgPlatform
from tests.providers.attempts import Disturbed, TestAttempt
from tests.providers.stories import NEW, OLD, Story, tell


@pytest.fixture
def late(tmp_path: Path) -> Iterator[AsgPlatform]:
    """Every read shows what the same one before it should have."""
    with AsgPlatform(tmp_path) as made:
        made.world.faults.add(Fault(FaultMode.STALE, writes=False, times=None, user_agent=made.agent))
        yield made


def test_a_group_that_somebody_deletes_is_told(late: AsgPlatform) -> None:
    def delete() -> None:
        late.by_hand("autoscaling", "DeleteAutoScalingGroup", AutoScalingGroupName=NAME, ForceDelete=True)
        late.world.clock.resume()

    async def story(story: Story) -> None:
        late.world.clock.pause()
        with pytest.raises(ProviderConflict, match="was deleted by somebody else"):
            await story.deploy(OLD, Disturbed("first", act=delete))

    tell(late, story)


def test_a_refresh_that_somebody_cancels_is_told(late: AsgPlatform) -> None:
    def cancel() -> None:
        late.by_hand("autoscaling", "CancelInstanceRefresh", AutoScalingGroupName=NAME)
        late.world.clock.resume()

    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        late.world.clock.pause()
        with pytest.raises((ProviderConflict, ProviderRefused), match=r"Somebody else stopped|did not succeed"):
            await story.deploy(NEW, Disturbed("second", act=cancel))

    tell(late, story)
