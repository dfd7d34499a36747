"""How often and how soon each client sends again, in real seconds, by the world's own log."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from providers.errors import ProviderUnreachable
from providers.retry import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, MOST_TRIES
from sandbox.core.faults import Fault, FaultMode
from tests.providers.platform import Platform
from tests.providers.platforms import PLATFORMS
from tests.providers.stories import NEW, Story, tell

ONE_OF_EACH_CLIENT = ("kubernetes-rolling", "ecs-rolling", "tas-rolling")


def tries_of_a_read(platform: Platform, fault: Fault) -> list[float]:
    """When each try of the read of a capture that was sent most often arrived, in Unix seconds."""

    async def story(story: Story) -> None:
        if fault.times is None:
            with pytest.raises(ProviderUnreachable):
                await story.capture(NEW)
        else:
            await story.capture(NEW)

    tell(platform, story)
    requests = list(platform.world.requests)
    # Of those that are sent at once, the first that gives up ends the others.
    ((most, _),) = Counter(one.operation for one in requests if one.fault is not None).most_common(1)
    return [one.time for one in requests if one.operation == most]


@pytest.mark.parametrize("name", ONE_OF_EACH_CLIENT)
def test_retry_after_is_obeyed(name: str, tmp_path: Path) -> None:
    with PLATFORMS[name](tmp_path) as platform:
        asked = Fault(FaultMode.STATUS, status=429, retry_after=1, writes=False, user_agent=platform.agent)
        platform.world.faults.add(asked)
        first, second, *_ = tries_of_a_read(platform, asked)
    assert second - first >= 1.0


@pytest.mark.parametrize("name", ONE_OF_EACH_CLIENT)
def test_five_more_tries_ever_later(name: str, tmp_path: Path) -> None:
    with PLATFORMS[name](tmp_path) as platform:
        lasting = Fault(FaultMode.STATUS, status=503, times=None, writes=False, user_agent=platform.agent)
        platform.world.faults.add(lasting)
        tries = tries_of_a_read(platform, lasting)
    waits = [after - before for before, after in pairwise(tries)]
    least = [min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**number) / 2 for number in range(MOST_TRIES - 1)]
    assert len(waits) == len(least) == 5
    assert all(wait >= at_least for wait, at_least in zip(waits, least, strict=True)), waits
