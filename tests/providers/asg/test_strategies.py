"""Canary and blue/green of Auto Scaling groups: what stands beside what, and in which order traffic moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.errors import ProviderConflict, ProviderRefused
from providers.interface import Verb
from providers.values import Effect
from sandbox.core.requests import RequestRecord
from tests.providers.asg.platform import NAME
from tests.providers.asg.strategies import AsgBlueGreenPlatform, AsgCanaryPlatform
from tests.providers.attempts import TestAttempt
from tests.providers.stories import NEW, OLD, Story, tell


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[AsgCanaryPlatform]:
    with AsgCanaryPlatform(tmp_path) as made:
        yield made


@pytest.fixture
def colours(tmp_path: Path) -> Iterator[AsgBlueGreenPlatform]:
    with AsgBlueGreenPlatform(tmp_path) as made:
        yield made


def colour_of(groups: dict[str, Any]) -> dict[str, str]:
    return {name: group["tags"]["BG_VERSION"]["Value"] for name, group in groups.items()}


def test_a_canary_stands_beside_the_group_and_goes_again(canary: AsgCanaryPlatform) -> None:
    async def story(story: Story) -> None:
        deploy, delete, _ = canary.deploy_steps
        await story.deploy(OLD, TestAttempt("first"))
        release, whole = canary.release(NEW), TestAttempt("second")
        await canary.provider.deploy(canary.target, release, deploy, whole.at_step(0))
        found = await canary.provider.instances(canary.target, release)
        assert sorted((item.group, canary.version(item.artifact)) for item in found) == [
            *[(NAME, OLD)] * 3,
            (f"{NAME}__Canary", NEW),
        ]
        snapshot = await story.capture(NEW)
        assert [group.name for group in snapshot.groups] == [NAME], "what is left over is not what was there"
        outcome = await canary.provider.deploy(canary.target, release, delete, whole.at_step(1))
        assert outcome.effect is Effect.CHANGED
        assert canary.running() == [OLD] * 3
        again = await canary.provider.deploy(canary.target, release, delete, TestAttempt("third").at_step(1))
        assert (again.effect, again.reason) == (Effect.SKIPPED, "There is no search__Canary.")

    tell(canary, story)


def test_a_rolling_rollback_alone_removes_a_canary_too(canary: AsgCanaryPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = canary.state()
        snapshot = await story.capture(NEW)
        step = canary.deploy_steps[0]
        await canary.provider.deploy(canary.target, canary.release(NEW), step, TestAttempt("second").at_step(0))
        assert await canary.provider.preview(canary.target, snapshot)
        canary.rollback_steps = canary.rollback_steps[1:]
        await story.roll_back(snapshot, TestAttempt("third"))
        assert canary.state() == before

    tell(canary, story)


def test_a_canary_of_somebody_else_is_not_deleted(canary: AsgCanaryPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        canary.by_hand(
            "autoscaling",
            "CreateAutoScalingGroup",
            AutoScalingGroupName=f"{NAME}__Canary",
            LaunchTemplate={"LaunchTemplateName": NAME, "Version": "1"},
            MinSize=1,
            MaxSize=1,
            AvailabilityZones=["eu-west-1a"],
        )
        delete = canary.deploy_steps[1]
        with pytest.raises(ProviderConflict, match="not created by Unship"):
            await canary.provider.deploy(canary.target, canary.release(NEW), delete, TestAttempt("x").at_step(0))

    tell(canary, story)


def moves(colours: AsgBlueGreenPlatform, mark: int) -> list[RequestRecord]:
    wanted = ("elasticloadbalancing:ModifyRule", "elasticloadbalancing:ModifyListener")
    return [request for request in colours.effects(mark) if request.operation in wanted]


def test_colours_change_places_and_back(colours: AsgBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        assert colour_of(colours.groups()) == {f"{NAME}__1": "BLUE"}
        snapshot = await story.capture(NEW)
        mark = colours.world.requests.mark
        await story.deploy(NEW, TestAttempt("second"))
        assert [request.operation.partition(":")[2] for request in moves(colours, mark)] == [
            "ModifyRule",
            "ModifyListener",
        ]
        groups = colours.groups()
        assert colour_of(groups) == {f"{NAME}__1": "GREEN", f"{NAME}__2": "BLUE"}
        assert groups[f"{NAME}__1"]["images"] == []
        found = await colours.provider.instances(colours.target, colours.release(NEW))
        assert {(item.group, item.details["colour"]) for item in found} == {(f"{NAME}__2", "BLUE")}
        await story.roll_back(snapshot, TestAttempt("third"))
        assert colour_of(colours.groups()) == {f"{NAME}__1": "BLUE"}

    tell(colours, story)


def test_the_old_colour_has_its_capacity_before_traffic_moves_back(colours: AsgBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        changes = await colours.provider.preview(colours.target, snapshot)
        listeners = [change.resource for change in changes if change.resource.startswith("Listener")]
        assert listeners == ["Listener rule search HTTP:80, rule 1 (/search*)", "Listener search HTTP:8080"]
        assert not [change for change in changes if "unship.dev" in change.field or "arn:" in str(change)]
        mark = colours.world.requests.mark
        fault_free = TestAttempt("third")
        await story.roll_back(snapshot, fault_free)
        first_move = moves(colours, mark)[0]
        before = [item for item in colours.world.requests.since(mark) if item.sequence < first_move.sequence]
        asked = [item.operation.partition(":")[2] for item in before]
        assert "UpdateAutoScalingGroup" in asked
        assert "DescribeTargetHealth" in asked[asked.index("UpdateAutoScalingGroup") :]
        told = [progress.message for progress in fault_free.told]
        up = told.index(f"{NAME}__1: 3 of 3 instances are healthy at search version 1")
        assert up < told.index("search: traffic goes back to where it went")

    tell(colours, story)


def test_without_downsizing_the_old_colour_stays_up_and_the_way_back_is_short(
    colours: AsgBlueGreenPlatform,
) -> None:
    async def story(story: Story) -> None:
        colours.deploy_steps = (colours.deploy_steps[0], colours.spec("AsgBlueGreenSwapService"))
        snapshot = await story.deployed_twice()
        assert sorted(colours.running()) == sorted([OLD] * 3 + [NEW] * 3)
        before = set(colours.machines())
        await story.roll_back(snapshot, TestAttempt("third"))
        assert set(colours.machines()) < before, "nothing had to be started"
        assert colours.running() == [OLD] * 3

    tell(colours, story)


def test_a_first_swap_that_was_broken_off_is_undone_with_its_routes(colours: AsgBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        before = colours.state()
        snapshot = await story.capture(OLD)
        await story.deploy(OLD, TestAttempt("first"))
        assert colours.state() != before
        await story.roll_back(snapshot, TestAttempt("second"))
        assert colours.state() == before

    tell(colours, story)


def test_sizes_come_from_the_step_or_from_what_serves(colours: AsgBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        swap = colours.deploy_steps[1]
        fixed = {"type": "Fixed", "spec": {"min": 1, "max": 3, "desired": 2}}
        colours.deploy_steps = (
            colours.spec("AsgBlueGreenDeploy", loadBalancers=[colours.balancer], instances=fixed),
            swap,
        )
        await story.deploy(OLD, TestAttempt("first"))
        assert colours.running() == [OLD] * 2
        colours.deploy_steps = (
            colours.spec("AsgBlueGreenDeploy", loadBalancers=[colours.balancer], useAlreadyRunningInstances=True),
            swap,
        )
        await story.deploy(NEW, TestAttempt("second"))
        assert colours.running() == [NEW] * 2

    tell(colours, story)


def test_divided_traffic_and_a_swap_without_a_deployment_are_refused(colours: AsgBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        deploy, swap = colours.deploy_steps
        release = colours.release(OLD)
        with pytest.raises(ProviderRefused, match="run AsgBlueGreenDeploy first"):
            await colours.provider.deploy(colours.target, release, swap, TestAttempt("first").at_step(0))
        same = {**colours.balancer, "stageListener": colours.balancer["prodListener"]}
        same["stageListenerRuleArn"] = same["prodListenerRuleArn"]
        step = colours.spec("AsgBlueGreenDeploy", loadBalancers=[same])
        mark = colours.world.requests.mark
        with pytest.raises(ProviderRefused, match="each forward to one target group"):
            await colours.provider.deploy(colours.target, release, step, TestAttempt("second").at_step(0))
        assert colours.effects(mark) == []
        assert type(step) is type(deploy)

    tell(colours, story)


def test_the_swap_among_rollback_steps_is_the_way_back(colours: AsgBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = colours.state()
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, TestAttempt("second"))
        assert colours.provider.step_types["AsgBlueGreenSwapService"].verb_for(undoing=True) is Verb.ROLL_BACK
        colours.rollback_steps = (colours.spec("AsgBlueGreenSwapService"),)
        await story.roll_back(snapshot, TestAttempt("third"))
        assert colours.state() == before

    tell(colours, story)
