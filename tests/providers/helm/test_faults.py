"""Faults that only helm's own requests meet: read from its words, looked at, done again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from providers.errors import ProviderRefused, ProviderTimedOut, ProviderUnreachable
from sandbox.core.faults import Fault, FaultMode
from tests.providers.helm.platform import HelmPlatform
from tests.providers.helm.stories import attempt, captured
from tests.providers.stories import NEW, OLD, Story, tell

HELM = Fault(FaultMode.DROP, user_agent="^Helm/")


@pytest.mark.parametrize(
    "fault",
    [
        replace(HELM, mode=FaultMode.DROP, writes=False),
        replace(HELM, mode=FaultMode.STATUS, status=503, writes=False),
        replace(HELM, mode=FaultMode.GARBAGE, path="/secrets", writes=False),
        replace(HELM, mode=FaultMode.DROP, writes=True),
        replace(HELM, mode=FaultMode.STATUS, status=503, writes=True),
        replace(HELM, mode=FaultMode.STATUS, status=500, writes=True, skip=1),
        replace(HELM, mode=FaultMode.STATUS, status=429, retry_after=1, writes=True, skip=2),
        replace(HELM, mode=FaultMode.RESET, writes=True, skip=1),
        replace(HELM, mode=FaultMode.GARBAGE, writes=True, skip=2),
        replace(HELM, mode=FaultMode.HALF_DONE, writes=True, skip=3),
    ],
    ids=lambda fault: f"{fault.mode}-{fault.status}-{'write' if fault.writes else 'read'}-{fault.skip}",
)
def test_a_passing_fault_is_outlasted_by_helm_run_again(helm: HelmPlatform, fault: Fault) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, attempt("first"))
        before = helm.state()
        snapshot = await captured(story, NEW)
        injected = helm.world.faults.add(fault)
        await story.deploy(NEW, attempt("second"))
        assert injected.fired == 1
        assert set(helm.running()) == {NEW}
        injected = helm.world.faults.add(fault)
        await story.roll_back(snapshot, attempt("third"))
        assert injected.fired == 1
        assert helm.state() == before

    tell(helm, story)


def test_credentials_that_ended_meanwhile_are_read_anew(helm: HelmPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, attempt("first"))
        expired = helm.world.faults.add(replace(HELM, mode=FaultMode.EXPIRED, writes=True, skip=1))
        await story.deploy(NEW, attempt("second"))
        assert expired.fired == 1
        assert set(helm.running()) == {NEW}

    tell(helm, story)


def test_credentials_that_are_not_accepted_in_the_middle(helm: HelmPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        helm.world.faults.add(replace(HELM, mode=FaultMode.EXPIRED, times=None))
        back = attempt("third")
        with pytest.raises(ProviderRefused, match="credentials") as refused:
            await story.roll_back(snapshot, back)
        assert refused.value.said
        assert back.effects == 2, "it was tried once more, with credentials that were read anew"
        helm.world.faults.clear()
        await story.roll_back(snapshot, attempt("third"))
        assert set(helm.running()) == {OLD}

    tell(helm, story)


def test_a_lasting_fault_is_given_up_after_at_most_five_repetitions(helm: HelmPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        helm.world.faults.add(replace(HELM, mode=FaultMode.STATUS, status=503, times=None, writes=True))
        back = attempt("third")
        with pytest.raises(ProviderUnreachable):
            await story.roll_back(snapshot, back)
        assert 1 < back.effects <= 6
        helm.world.faults.clear()
        await story.roll_back(snapshot, attempt("third"))
        assert set(helm.running()) == {OLD}

    tell(helm, story)


def test_a_server_that_does_not_answer_ends_with_the_steps_time(helm: HelmPlatform) -> None:
    """Helm itself would wait for the answer for ever."""

    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        fault = helm.world.faults.add(replace(HELM, mode=FaultMode.HANG, seconds=60, writes=True))
        with pytest.raises(ProviderTimedOut, match="helm did not end"):
            await story.roll_back(snapshot, attempt("third", seconds=3.0))
        assert fault.fired == 1
        await story.roll_back(snapshot, attempt("third"))
        assert set(helm.running()) == {OLD}

    tell(helm, story)
