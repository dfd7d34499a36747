"""The contract of every provider: what the runner relies on, whatever the platform is.

The oracle is the world itself: its state, and its own log of requests.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from providers.connectors import Connector, Connectors
from providers.errors import ProviderError
from providers.interface import Verb
from providers.registry import Registry
from providers.values import Effect, InstanceHealth, Outcome, Snapshot
from tests.providers.attempts import BrokenOffError, TestAttempt
from tests.providers.platform import Platform
from tests.providers.stories import NEW, OLD, Story, tell

Act = Callable[[TestAttempt], Awaitable[Outcome]]
"""One try at a step of a strategy."""


def test_every_step_that_deploys_or_rolls_back_is_tested_by_a_strategy(platform: Platform) -> None:
    types = {step.spec_model: step for step in platform.provider.step_types.values()}
    assert all(types[type(step)].verb is Verb.DEPLOY for step in platform.deploy_steps)
    assert all(types[type(step)].verb_for(undoing=True) is Verb.ROLL_BACK for step in platform.rollback_steps)


def test_a_provider_declares_steps_of_both_verbs(platform: Platform) -> None:
    types = platform.provider.step_types.values()
    verbs = {step.verb_for(undoing=undoing) for step in types for undoing in (False, True)}
    assert verbs == {Verb.DEPLOY, Verb.ROLL_BACK}
    assert all(name == step.name for name, step in platform.provider.step_types.items())


def test_a_check_says_who_answers_and_changes_nothing(platform: Platform) -> None:
    async def story(_: Story) -> None:
        mark = platform.world.requests.mark
        who = await platform.provider.check(connector_of(platform))
        assert who.strip()
        assert len(who.splitlines()) == 1
        assert platform.world.requests.mark > mark, "it was asked"
        assert platform.effects(mark) == []

    tell(platform, story)


def test_a_check_of_a_connector_that_is_not_there_is_refused(platform: Platform) -> None:
    async def story(_: Story) -> None:
        with pytest.raises(ProviderError, match="nowhere"):
            await platform.provider.check("nowhere")

    tell(platform, story)


def test_a_check_of_a_connector_whose_spec_cannot_be_used_names_it(platform: Platform, tmp_path: Path) -> None:
    provider = platform.provider
    broken = Connector("broken", provider.connector_type, {"no such key": True}, tmp_path)

    async def story() -> None:
        registry = Registry(Connectors({"broken": broken}))
        found = registry.find(provider.deployment_type)
        assert found is not None
        with pytest.raises(ProviderError, match="broken"):
            await found.check("broken")
        await registry.close()

    asyncio.run(story())


def connector_of(platform: Platform) -> str:
    """The connector that the platform's target names."""
    found: str = platform.target.model_dump(by_alias=True)["connectorRef"]
    return found


def test_nothing_is_captured_where_nothing_was(platform: Platform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.capture(OLD)
        assert not snapshot.existed
        assert snapshot.groups == ()

    tell(platform, story)


def test_a_rollback_brings_everything_back(platform: Platform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = platform.state()
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, TestAttempt("second"))
        assert set(platform.running()) == {NEW}
        attempt = TestAttempt("third")
        outcome = await story.roll_back(snapshot, attempt)
        assert outcome.effect is Effect.CHANGED
        assert platform.state() == before
        assert len(attempt.told) > 1, "progress was reported while it went on"

    tell(platform, story)


def test_the_instances_after_a_rollback_are_those_of_the_snapshot(platform: Platform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        listed = await platform.provider.instances(platform.target, platform.release(NEW))
        during = [item for item in listed if platform.serves(item)]
        await story.roll_back(snapshot, TestAttempt("third"))
        after = await platform.provider.instances(platform.target, platform.release(NEW))
        assert {platform.version(item.artifact) for item in during} == {NEW}
        assert Counter(item.group for item in after) == {group.name: group.count for group in snapshot.groups}
        for group in snapshot.groups:
            members = [item for item in after if item.group == group.name]
            assert {item.revision for item in members} == {group.revision}
            assert {item.artifact.digest for item in members if item.artifact.digest} == set(group.digests)
            assert all(item.artifact == group.artifact for item in members)
            assert {item.health for item in members} == {InstanceHealth.HEALTHY}
            assert {item.revision for item in during}.isdisjoint({group.revision})
        assert list(after) == sorted(after, key=lambda item: item.key)

    tell(platform, story)


def test_a_snapshot_survives_json(platform: Platform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        again = platform.provider.snapshot_model.model_validate(snapshot.as_json())
        assert again == snapshot
        await story.roll_back(again, TestAttempt("third"))
        assert set(platform.running()) == {OLD}

    tell(platform, story)


def test_a_step_repeated_with_its_token_takes_effect_once_and_says_the_same(platform: Platform) -> None:
    """As after a crash between a step's end and its record."""

    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        snapshot = await story.capture(NEW)
        for number in range(len(platform.deploy_steps)):
            await _says_the_same_again(platform, "second", partial(story.deploy_step, number, NEW))
        for number in range(len(platform.rollback_steps)):
            await _says_the_same_again(platform, "third", partial(story.rollback_step, number, snapshot))

    tell(platform, story)


async def _says_the_same_again(platform: Platform, token: str, act: Act) -> None:
    first = await act(TestAttempt(token))
    fingerprint = platform.fingerprint()
    again = await act(TestAttempt(token))
    assert again.outputs == first.outputs
    assert platform.fingerprint() == fingerprint


def test_a_rollback_that_is_not_needed_is_skipped_and_says_why(platform: Platform) -> None:
    async def story(story: Story) -> None:
        nothing = await story.capture(OLD)
        snapshot = await story.deployed_twice()
        done = await _each_rollback_step(story, snapshot, "third")
        fingerprint = platform.fingerprint()
        skipped = await _each_rollback_step(story, snapshot, "fourth")
        assert {outcome.effect for outcome in skipped} == {Effect.SKIPPED}
        assert all(outcome.reason for outcome in skipped)
        assert platform.fingerprint() == fingerprint
        # What later steps read of it is there all the same, also where there is nothing to go back to.
        removed = await _each_rollback_step(story, nothing, "fifth")
        for outcomes in (skipped, removed, await _each_rollback_step(story, nothing, "sixth")):
            assert [{*outcome.outputs} for outcome in outcomes] == [{*outcome.outputs} for outcome in done]
            assert all(value is not None for outcome in outcomes for value in outcome.outputs.values())

    tell(platform, story)


async def _each_rollback_step(story: Story, snapshot: Snapshot, token: str) -> list[Outcome]:
    steps = range(len(story.platform.rollback_steps))
    return [await story.rollback_step(number, snapshot, TestAttempt(token)) for number in steps]


def test_a_first_deployment_that_failed_is_removed_and_nothing_else(platform: Platform) -> None:
    async def story(story: Story) -> None:
        before = platform.state()
        snapshot = await story.capture(OLD)
        platform.break_version(OLD)
        with pytest.raises(ProviderError):
            await story.deploy(OLD, TestAttempt("first", seconds_left=1.0))
        assert platform.state() != before
        await story.roll_back(snapshot, TestAttempt("second"))
        assert platform.state() == before

    tell(platform, story)


def test_the_way_back_leads_past_a_failed_release(platform: Platform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = platform.state()
        platform.break_version("broken")
        with pytest.raises(ProviderError):
            await story.deploy("broken", TestAttempt("second", seconds_left=1.0))
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, TestAttempt("third"))
        assert [platform.version(group.artifact) for group in snapshot.groups] == [OLD]
        await story.roll_back(snapshot, TestAttempt("fourth"))
        assert platform.state() == before

    tell(platform, story)


def test_a_change_by_hand_before_the_deployment_is_part_of_what_comes_back(platform: Platform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        platform.change_by_hand()
        await story.deploy("settled", TestAttempt("settle"))
        platform.change_by_hand()
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, TestAttempt("second"))
        await story.roll_back(snapshot, TestAttempt("third"))
        assert set(platform.running()) == {"by-hand"}

    tell(platform, story)


def test_a_change_by_hand_after_the_deployment_is_undone_too(platform: Platform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = platform.state()
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, TestAttempt("second"))
        platform.change_by_hand()
        await story.roll_back(snapshot, TestAttempt("third"))
        assert platform.state() == before

    tell(platform, story)


def test_reading_changes_nothing(platform: Platform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        release = platform.release(NEW)
        mark, fingerprint = platform.world.requests.mark, platform.fingerprint()
        await story.capture(NEW)
        await platform.provider.instances(platform.target, release)
        await platform.provider.preview(platform.target, snapshot)
        await platform.provider.preflight(platform.target, snapshot)
        assert platform.effects(mark) == []
        assert platform.fingerprint() == fingerprint

    tell(platform, story)


def test_the_preview_says_what_happens_and_then_nothing(platform: Platform) -> None:
    async def story(story: Story) -> None:
        nothing = await story.capture(OLD)
        snapshot = await story.deployed_twice()
        changes = await platform.provider.preview(platform.target, snapshot)
        assert any(NEW in (change.current or "") and OLD in (change.target or "") for change in changes)
        removals = await platform.provider.preview(platform.target, nothing)
        assert any(change.target is None for change in removals)
        for change in (*changes, *removals):
            assert change.current != change.target
            assert "absent" not in (change.current, change.target)
        await story.roll_back(snapshot, TestAttempt("third"))
        assert await platform.provider.preview(platform.target, snapshot) == ()

    tell(platform, story)


def test_preflight_is_silent_where_the_way_is_open(platform: Platform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        assert await platform.provider.preflight(platform.target, snapshot) == ()

    tell(platform, story)


def test_preflight_names_what_closes_the_way_and_so_does_the_rollback(platform: Platform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        platform.close_the_way()
        obstacles = await platform.provider.preflight(platform.target, snapshot)
        assert [item for item in obstacles if item.blocking and item.message and item.remedy]
        before = platform.state()
        with pytest.raises(ProviderError):
            await story.roll_back(snapshot, TestAttempt("third"))
        assert platform.state() == before

    tell(platform, story)


def test_every_request_that_changes_something_is_announced_and_guarded(platform: Platform) -> None:
    async def story(story: Story) -> None:
        mark = platform.world.requests.mark
        first, second, third = (TestAttempt(token) for token in ("first", "second", "third"))
        await story.deploy(OLD, first)
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, second)
        await platform.provider.preflight(platform.target, snapshot)
        await story.roll_back(snapshot, third)
        effects = platform.effects(mark)
        assert platform.announced(effects) == first.effects + second.effects + third.effects
        for request in platform.world.requests.writes(mark):
            assert platform.safeguard(request) in platform.provider.safeguards, request

    tell(platform, story)


def test_a_deployment_broken_off_everywhere_is_finished_by_its_repetition(platform: Platform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        lives = 0
        for number in range(len(platform.deploy_steps)):
            lives += await _lives(platform, "second", partial(story.deploy_step, number, NEW))
        assert lives > platform.fewest_announced
        assert set(platform.running()) == {NEW}

    tell(platform, story)


def test_a_rollback_broken_off_everywhere_is_finished_by_its_repetition(platform: Platform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = platform.state()
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, TestAttempt("second"))
        lives = 0
        for number in range(len(platform.rollback_steps)):
            lives += await _lives(platform, "third", partial(story.rollback_step, number, snapshot))
        assert lives > platform.fewest_announced
        assert platform.state() == before

    tell(platform, story)


async def _lives(platform: Platform, token: str, act: Act) -> int:
    """Repeat a step's attempt until it comes to its end; how often that was.

    The first life ends before it changes anything, each later one before the second thing that it would change;
    later still where the first was only sent once more, and changed nothing.
    """
    allowed = 0
    for lives in range(1, 60):
        before = platform.fingerprint()
        with suppress(BrokenOffError):
            await act(TestAttempt(token, breaks_before=allowed + 1))
            return lives
        allowed = allowed + 1 if platform.fingerprint() == before else 1
    pytest.fail("it never came to its end")
