"""Reads of ECS that lag behind: what others really did is told all the same, and at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.aws import routes
from providers.aws.client import Accounts
from providers.errors import ProviderConflict, ProviderNotFound
from sandbox.core.faults import Fault, FaultMode
from tests.providers.attempts import Disturbed, TestAttempt
from tests.providers.ecs.bluegreen import BlueGreenPlatform
from tests.providers.ecs.platform import CLUSTER, SERVICE, EcsPlatform
from tests.providers.stories import NEW, OLD, Story, tell


@pytest.fixture
def late(tmp_path: Path) -> Iterator[EcsPlatform]:
    """Every read shows what the same one before it should have."""
    with EcsPlatform(tmp_path, scaled=False) as made:
        made.world.faults.add(Fault(FaultMode.STALE, writes=False, times=None, user_agent=made.agent))
        yield made


def test_a_service_that_somebody_deletes_is_told(late: EcsPlatform) -> None:
    def delete() -> None:
        late.client.delete_service(cluster=CLUSTER, service=SERVICE, force=True)

    async def story(story: Story) -> None:
        late.break_version(OLD)
        with pytest.raises(ProviderNotFound, match="was deleted while it was rolled out"):
            await story.deploy(OLD, Disturbed("first", act=delete))

    tell(late, story)


def test_a_deployment_that_somebody_begins_is_told(late: EcsPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        late.break_version(NEW)
        with pytest.raises(ProviderConflict, match="Somebody began another deployment"):
            await story.deploy(NEW, Disturbed("second", act=late.change_by_hand))

    tell(late, story)


def test_what_was_changed_by_hand_since_is_recorded(late: EcsPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        await story.capture(NEW)
        late.change_by_hand()
        await story.capture(NEW)
        snapshot = await story.capture(NEW)
        assert [late.version(group.artifact) for group in snapshot.groups] == ["by-hand"]

    tell(late, story)


def test_where_a_route_leads_is_seen_once_it_was_turned(tmp_path: Path) -> None:
    async def effect() -> None:
        return

    with BlueGreenPlatform(tmp_path) as platform:

        async def story(_: Story) -> None:
            accounts = Accounts(platform.connectors)
            region = accounts.at("aws")
            platform.world.faults.add(Fault(FaultMode.STALE, writes=False, times=None, user_agent=platform.agent))
            for target in (platform.groups[1], platform.groups[0]):
                for arn in (platform.rule, platform.listeners[1]):
                    before = await routes.read(region, arn)
                    await routes.turn(region, before.with_group(before.groups[0], target), effect)
                    assert (await routes.read(region, arn)).groups == (target,)
                [rule] = [route for route in await routes.of_listener(region, platform.listeners[0]) if route.rule]
                assert rule.groups == (target,)
            await accounts.close()

        tell(platform, story)
