"""The contract of every provider when things go wrong: lost answers, breaks, faults, broken versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from providers.errors import ProviderRefused, ProviderTimedOut, ProviderUnreachable
from sandbox.core.faults import Fault, FaultMode, InjectedFault
from tests.providers.attempts import TestAttempt
from tests.providers.hurry import hurried
from tests.providers.platform import Platform
from tests.providers.platforms import PLATFORMS
from tests.providers.stories import NEW, OLD, Story, tell
from tests.providers.undergoing import undergo

IN_THE_CONTRACT = (
    "429, Retry-After",
    "503",
    "reset before the effect",
    "no connections for a while",
    "no answer after the effect",
    "reset in the body",
    "half a body",
    "no body",
    "done, then 500",
    "expired once",
    "expired for good",
    "conflict",
)
"""The others differ less; `python -m tests.providers.troubles` has them all."""


def test_an_answer_lost_after_any_effect_does_no_harm(platform: Platform) -> None:
    """In the first round the first answer of each operation that changes something, then the second ..."""

    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = platform.state()
        for number in range(60):
            snapshot = await story.capture(NEW)
            with _losing(platform, number) as deploying:
                await story.deploy(NEW, TestAttempt(f"deploy-{number}"))
            assert set(platform.running()) == {NEW}
            with _losing(platform, number) as undoing:
                await story.roll_back(snapshot, TestAttempt(f"back-{number}"))
            assert platform.state() == before
            if deploying.fired + undoing.fired == 0:
                assert number > 0
                return
            if number == 0 and platform.loses_many_answers:
                assert deploying.fired + undoing.fired >= platform.fewest_effects
        pytest.fail("there was no end of requests that change something")

    with hurried():
        tell(platform, story)


@contextmanager
def _losing(platform: Platform, number: int) -> Generator[InjectedFault]:
    fault = Fault(
        FaultMode.LOST, writes=True, skip=number, each=platform.loses_many_answers, user_agent=platform.agent
    )
    injected = platform.world.faults.add(fault)
    yield injected
    platform.world.faults.remove(injected.id)


@pytest.mark.parametrize("trouble", IN_THE_CONTRACT)
def test_a_trouble_at_each_call_is_outlasted_and_every_effect_is_one(platform_name: str, trouble: str) -> None:
    """By the world's own log, and what it is made to change where there is no trouble.

    Where a program of the vendor's begins anew after each, it meets each of them at some of its calls, in rounds.
    """
    places = [name for name in PLATFORMS if name.partition("-")[0] == platform_name.partition("-")[0]]
    number = IN_THE_CONTRACT.index(trouble) + len(IN_THE_CONTRACT) * places.index(platform_name)
    verdict = undergo(platform_name, trouble, slice(number, None, len(IN_THE_CONTRACT) * len(places)))
    assert not verdict.failure, verdict.failure
    assert (verdict.lost, verdict.duplicated, verdict.missed) == (Counter(), Counter(), set())
    assert verdict.met > 0 or verdict.calls == 0


def test_a_lasting_fault_ends_in_unreachable_after_at_most_five_retries(platform: Platform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        fault = platform.world.faults.add(
            Fault(FaultMode.STATUS, status=503, times=None, user_agent=platform.agent)
        )
        with pytest.raises(ProviderUnreachable):
            await story.roll_back(snapshot, TestAttempt("third"))
        assert 1 < max(Counter(fault.operations).values()) <= 6

    tell(platform, story)


def test_credentials_that_are_not_accepted_are_refused_and_not_repeated(platform: Platform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        platform.world.faults.add(Fault(FaultMode.EXPIRED, times=None, user_agent=platform.agent))
        with pytest.raises(ProviderRefused) as refused:
            await story.roll_back(snapshot, TestAttempt("third"))
        assert "credentials" in refused.value.message
        assert refused.value.said

    tell(platform, story)


def test_a_version_that_does_not_get_up_is_told_with_its_reason(platform: Platform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = platform.state()
        snapshot = await story.capture(NEW)
        platform.break_version(NEW)
        with pytest.raises((ProviderTimedOut, ProviderRefused)) as failed:
            await story.deploy(NEW, TestAttempt("second", seconds_left=1.0))
        assert failed.value.said
        await story.roll_back(snapshot, TestAttempt("third"))
        assert platform.state() == before

    tell(platform, story)


def test_a_world_that_is_gone_is_unreachable(platform: Platform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        platform.close()
        for verb in (platform.provider.preview, platform.provider.preflight):
            with pytest.raises(ProviderUnreachable):
                await verb(platform.target, snapshot)

    tell(platform, story)
