"""What is special about blue/green on ECS: the order of capacity and traffic, half-done swaps, leftovers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.errors import ProviderError, ProviderRefused
from providers.values import Effect
from tests.providers.attempts import TestAttempt
from tests.providers.ecs.bluegreen import COLOURS, BlueGreenPlatform
from tests.providers.stories import NEW, OLD, Story, tell

BLUE, GREEN = COLOURS


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[BlueGreenPlatform]:
    """Two target groups behind production and stage."""
    with BlueGreenPlatform(tmp_path) as made:
        yield made


async def create(shop: BlueGreenPlatform, version: str, token: str) -> Any:
    release = shop.release(version)
    return await shop.provider.deploy(shop.target, release, shop.deploy_steps[0], TestAttempt(token))


async def swap(shop: BlueGreenPlatform, version: str, token: str, **keys: object) -> Any:
    step = shop.spec("EcsBlueGreenSwapTargetGroups", **keys)
    return await shop.provider.deploy(shop.target, shop.release(version), step, TestAttempt(token))


def counts(shop: BlueGreenPlatform) -> list[int | None]:
    found = [shop.described(name) for name in COLOURS]
    return [None if item is None else item["desiredCount"] for item in found]


def colour_tags(shop: BlueGreenPlatform) -> list[str]:
    found = [shop.described(name) for name in COLOURS]
    return [tag["value"] for item in found if item for tag in item["tags"] if tag["key"] == "BG_VERSION"]


def test_the_colours_take_turns(shop: BlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        first = shop.routes()
        await story.deploy(OLD, TestAttempt("first"))
        assert (shop.serving(), counts(shop)) == (BLUE, [3, None])
        assert shop.routes() == {"prod": first["stage"], "stage": first["prod"]}
        await story.deploy(NEW, TestAttempt("second"))
        assert (shop.serving(), counts(shop)) == (GREEN, [0, 3])
        assert colour_tags(shop) == ["GREEN", "BLUE"]
        await story.deploy("third", TestAttempt("third"))
        assert (shop.serving(), counts(shop)) == (BLUE, [3, 0])
        assert set(shop.running()) == {"third"}

    tell(shop, story)


def test_going_back_brings_the_resting_colour_to_its_old_version_too(shop: BlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        await story.deploy(NEW, TestAttempt("second"))
        before = shop.state()
        snapshot = await story.capture("third")
        await story.deploy("third", TestAttempt("third"))
        await story.roll_back(snapshot, TestAttempt("fourth"))
        assert shop.state() == before
        assert shop.serving() == GREEN

    tell(shop, story)


def test_capacity_comes_first_then_traffic_then_removal(shop: BlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        changes = await shop.provider.preview(shop.target, snapshot)
        routes = {change.resource for change in changes if change.field == "forward"}
        assert routes == {"route/shop HTTP:80, rule 1 (/pay/*)", "route/shop HTTP:8080"}
        mark = shop.world.requests.mark
        await story.roll_back(snapshot, TestAttempt("third"))
        told = [item.operation.split(":")[1] for item in shop.effects(mark)]
        assert [name for name in told if name != "TagResource"] == [
            "UpdateService",
            "ModifyRule",
            "ModifyListener",
            "DeleteService",
        ]

    tell(shop, story)


def test_before_the_swap_production_is_untouched_and_going_back_takes_the_green_away(
    shop: BlueGreenPlatform,
) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = shop.state()
        snapshot = await story.capture(NEW)
        outcome = await create(shop, NEW, "second")
        assert outcome.outputs["targetGroupArn"] == shop.routes()["stage"]
        assert (shop.serving(), counts(shop)) == (BLUE, [3, 3])
        await story.roll_back(snapshot, TestAttempt("third"))
        assert shop.state() == before

    tell(shop, story)


def test_a_first_deployment_is_taken_away_with_its_traffic(shop: BlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        before = shop.state()
        snapshot = await story.capture(OLD)
        await story.deploy(OLD, TestAttempt("first"))
        await story.roll_back(snapshot, TestAttempt("second"))
        assert shop.state() == before

    tell(shop, story)


def test_a_green_that_never_got_up_is_no_part_of_the_way_back(shop: BlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        shop.break_version("broken")
        with pytest.raises(ProviderError):
            await story.deploy("broken", TestAttempt("second", seconds_left=1.0))
        snapshot = await story.capture(NEW)
        assert [state["name"] for state in snapshot.as_json()["services"]] == [BLUE]
        await story.deploy(NEW, TestAttempt("third"))
        assert set(shop.running()) == {NEW}

    tell(shop, story)


def test_the_old_colour_can_be_kept(shop: BlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        snapshot = await story.capture(NEW)
        await create(shop, NEW, "second-0")
        await swap(shop, NEW, "second-1", doNotDownsizeOldService=True)
        assert counts(shop) == [3, 3]
        step = shop.spec("EcsBlueGreenRollback", doNotDownsizeOldService=True)
        attempt = TestAttempt("third")
        outcome = await shop.provider.roll_back(shop.target, snapshot, step, attempt)
        assert outcome.effect is Effect.CHANGED
        assert (shop.serving(), counts(shop)) == (BLUE, [3, 3])
        assert colour_tags(shop) == ["BLUE", "GREEN"]

    tell(shop, story)


def test_a_swap_without_a_colour_to_swap_to_is_refused(shop: BlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        with pytest.raises(ProviderRefused, match="EcsBlueGreenCreateService"):
            await swap(shop, OLD, "first")
        await story.deploy(OLD, TestAttempt("second"))
        await story.deploy(NEW, TestAttempt("third"))
        routes = shop.routes()
        with pytest.raises(ProviderRefused, match="does not run all its tasks"):
            await swap(shop, NEW, "fourth")
        assert shop.routes() == routes

    tell(shop, story)


def test_routes_that_do_not_fit_are_refused_before_anything_is_done(shop: BlueGreenPlatform) -> None:
    async def story(_: Story) -> None:
        prod, stage = shop.listeners
        wrong = [
            ({"prodListener": prod, "stageListener": prod, "prodListenerRuleArn": shop.rule}, "both lead"),
            ({"prodListener": stage, "stageListener": prod, "prodListenerRuleArn": shop.rule}, "no rule of"),
        ]
        for keys, told in wrong:
            step = shop.spec("EcsBlueGreenCreateService", loadBalancer="shop", **keys)
            mark = shop.world.requests.mark
            with pytest.raises(ProviderRefused, match=told):
                await shop.provider.deploy(shop.target, shop.release(OLD), step, TestAttempt("first"))
            assert shop.effects(mark) == []

    tell(shop, story)


def test_a_rule_that_is_gone_closes_the_way(shop: BlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        shop.balancing.delete_rule(RuleArn=shop.rule)
        found = await shop.provider.preflight(shop.target, snapshot)
        assert [shop.rule in item.message for item in found if item.blocking] == [True]
        mark = shop.world.requests.mark
        with pytest.raises(ProviderError):
            await story.roll_back(snapshot, TestAttempt("third"))
        assert shop.effects(mark) == []

    tell(shop, story)


def test_the_scaling_goes_with_the_traffic(tmp_path: Path) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, TestAttempt("second"))
        suspended = {
            key.resource.rpartition("/")[2]: target["SuspendedState"]["DynamicScalingOutSuspended"]
            for key, target in shop.world.scaling.targets.items()
        }
        assert suspended == {BLUE: True, GREEN: False}
        await story.roll_back(snapshot, TestAttempt("third"))
        assert [key.resource for key in shop.world.scaling.targets] == [f"service/shop/{BLUE}"]
        assert counts(shop) == [3, None]

    with BlueGreenPlatform(tmp_path, scaled=True) as shop:
        tell(shop, story)
