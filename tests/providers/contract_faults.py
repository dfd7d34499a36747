"""The contract of every provider when things go wrong: lost answers, breaks, faults, broken versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from providers.errors import ProviderRefused, ProviderTimedOut, ProviderUnreachable
from sandbox.core.faults import Fault, FaultMode, InjectedFault
from tests.providers.attempts import TestAttempt
from tests.providers.platform import Platform
from tests.providers.stories import NEW, OLD, Story, tell

AT_EACH_CALL = (
    Fault(FaultMode.STATUS, status=500),
    Fault(FaultMode.STATUS, status=429, retry_after=0),
    Fault(FaultMode.DROP),
    Fault(FaultMode.RESET),
    Fault(FaultMode.GARBAGE),
    Fault(FaultMode.HALF_DONE),
    Fault(FaultMode.SLOW, seconds=0.05),
)


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

    tell(platform, story)


@contextmanager
def _losing(platform: Platform, number: int) -> Generator[InjectedFault]:
    fault = Fault(
        FaultMode.LOST, writes=True, skip=number, each=platform.loses_many_answers, user_agent=platform.agent
    )
    injected = platform.world.faults.add(fault)
    yield injected
    platform.world.faults.remove(injected.id)


@pytest.mark.parametrize("fault", AT_EACH_CALL, ids=lambda fault: f"{fault.mode}-{fault.status}")
def test_a_fault_at_each_call_is_outlasted(platform: Platform, fault: Fault) -> None:
    """The first request of each operation meets it, of those that look and of those that change something.

    A program of the vendor's begins anew after each: it meets the first two only.
    """

    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = platform.state()
        with _meeting(platform, fault) as deploying:
            snapshot = await story.capture(NEW)
            await story.deploy(NEW, TestAttempt("second"))
        assert set(platform.running()) == {NEW}
        with _meeting(platform, fault) as undoing:
            await story.roll_back(snapshot, TestAttempt("third"))
        assert platform.state() == before
        for injected in (deploying, undoing):
            assert injected.fired > 1
            assert set(injected.operations) == set(injected.seen) or not platform.loses_many_answers

    tell(platform, story)


@contextmanager
def _meeting(platform: Platform, fault: Fault) -> Generator[InjectedFault]:
    many = platform.loses_many_answers
    meant = replace(fault, each=many, times=1 if many else 2, user_agent=platform.agent)
    injected = platform.world.faults.add(meant)
    yield injected
    platform.world.faults.remove(injected.id)


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
