"""What is special about services of ECS: circuit breakers, draining, autoscaling, revisions, other people."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.errors import ProviderConflict, ProviderRefused
from providers.values import Effect, Manifest, Release
from sandbox.core.faults import Fault, FaultMode
from tests.providers.attempts import BrokenOffError, TestAttempt
from tests.providers.ecs.platform import CLUSTER, SERVED, SERVICE, TASK, EcsPlatform
from tests.providers.stories import NEW, OLD, Story, tell

BREAKER = SERVED.replace(
    "minimumHealthyPercent: 100", "minimumHealthyPercent: 100, deploymentCircuitBreaker: BREAKER"
).replace("BREAKER", "{enable: true, rollback: true}")


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[EcsPlatform]:
    """Without an autoscaler."""
    with EcsPlatform(tmp_path, scaled=False) as made:
        yield made


@pytest.fixture
def scaled(tmp_path: Path) -> Iterator[EcsPlatform]:
    """With an autoscaler."""
    with EcsPlatform(tmp_path) as made:
        yield made


def of(platform: EcsPlatform, version: str, **counts: Any) -> Release:
    """A release of another count, or of another service definition."""
    served = counts.get("served", SERVED).replace("desiredCount: 3", f"desiredCount: {counts.get('count', 3)}")
    return platform.of_manifests(TASK.format(version=version), served, version)


async def deploy(platform: EcsPlatform, release: Release, token: str, **keys: object) -> Any:
    step = platform.spec("EcsRollingDeploy", **keys)
    return await platform.provider.deploy(platform.target, release, step, TestAttempt(token))


def test_a_deployment_that_the_service_took_back_failed_although_the_service_is_stable(plain: EcsPlatform) -> None:
    async def story(story: Story) -> None:
        await deploy(plain, of(plain, OLD, served=BREAKER), "first")
        plain.break_version(NEW)
        for _ in range(2):
            with pytest.raises(ProviderRefused) as failed:
                await deploy(plain, of(plain, NEW, served=BREAKER), "second")
            assert failed.value.said
        assert len(plain.definitions()) == 2
        while (found := plain.described()) is None or found["deployments"][0]["rolloutState"] != "COMPLETED":
            plain.world.clock.advance()
        mark = plain.world.requests.mark
        with pytest.raises(ProviderRefused, match="went back by itself"):
            await deploy(plain, of(plain, NEW, served=BREAKER), "second")
        assert plain.effects(mark) == []
        assert set(plain.running()) == {OLD}
        snapshot = await story.capture(NEW)
        assert [group.artifact.tag for group in snapshot.groups] == [OLD]

    tell(plain, story)


def test_a_failed_deployment_says_what_its_tasks_said(plain: EcsPlatform) -> None:
    async def story(_: Story) -> None:
        plain.break_version(OLD)
        with pytest.raises(ProviderRefused) as failed:
            await deploy(plain, of(plain, OLD, served=BREAKER.replace("rollback: true", "rollback: false")), "a")
        assert "CannotPullContainerError" in str(failed.value.said)
        plain.world.containers.images.clear()
        again = await deploy(plain, of(plain, OLD), "b")
        assert again.effect is Effect.CHANGED
        assert set(plain.running()) == {OLD}

    tell(plain, story)


def test_the_same_release_again_makes_no_revision_and_no_deployment(plain: EcsPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = plain.fingerprint()
        outcome = await story.deploy(OLD, TestAttempt("another"))
        assert outcome.effect is Effect.SKIPPED
        assert outcome.outputs["taskDefinition"] == "payments:1"
        assert plain.fingerprint() == before
        forced = await deploy(plain, plain.release(OLD), "third", forceNewDeployment=True)
        assert forced.outputs["taskDefinition"] == "payments:2"
        before = plain.fingerprint()
        await deploy(plain, plain.release(OLD), "third", forceNewDeployment=True)
        assert plain.fingerprint() == before

    tell(plain, story)


def test_a_service_that_is_being_deleted_is_waited_for(plain: EcsPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        snapshot = await story.capture(NEW)
        plain.client.delete_service(cluster=CLUSTER, service=SERVICE, force=True)
        await story.deploy(NEW, TestAttempt("second"))
        assert set(plain.running()) == {NEW}
        plain.client.delete_service(cluster=CLUSTER, service=SERVICE, force=True)
        await story.roll_back(snapshot, TestAttempt("third"))
        assert plain.running() == [OLD] * 3

    tell(plain, story)


def test_capacity_never_falls_below_what_there_was_and_ends_at_what_was_saved(plain: EcsPlatform) -> None:
    async def story(story: Story) -> None:
        await deploy(plain, of(plain, OLD), "first")
        snapshot = await story.capture(NEW)
        await deploy(plain, of(plain, NEW, count=5), "second")
        mark = plain.world.requests.mark
        await story.roll_back(snapshot, TestAttempt("third"))
        updates = [item.body for item in plain.effects(mark) if item.operation == "ecs:UpdateService"]
        assert ["desiredCount" in body for body in updates] == [False, True]
        assert plain.running() == [OLD] * 3

    tell(plain, story)


def test_an_autoscaler_keeps_its_count_and_is_suspended_meanwhile(scaled: EcsPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        snapshot = await story.capture(NEW)
        assert snapshot.groups[0].autoscaled
        await story.deploy(NEW, TestAttempt("second"))
        scaled.client.update_service(cluster=CLUSTER, service=SERVICE, desiredCount=5)
        mark = scaled.world.requests.mark
        await story.roll_back(snapshot, TestAttempt("third"))
        assert scaled.running() == [OLD] * 5
        told = [item for item in scaled.effects(mark) if item.operation.endswith("RegisterScalableTarget")]
        suspended = [item.body["SuspendedState"]["DynamicScalingInSuspended"] for item in told]
        assert suspended == [True, False]
        assert await scaled.provider.preview(scaled.target, snapshot) == ()

    tell(scaled, story)


def test_an_autoscaler_is_not_left_suspended_when_the_rollback_fails(scaled: EcsPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        snapshot = await story.capture(NEW)
        await story.deploy(NEW, TestAttempt("second"))
        scaled.break_version(OLD)
        before = scaled.state()
        with pytest.raises(Exception, match="did not finish"):
            await story.roll_back(snapshot, TestAttempt("third", seconds_left=1.0))
        assert str(before).count("'DynamicScalingInSuspended': False") == 1
        assert str(scaled.state()).count("'DynamicScalingInSuspended': False") == 1

    tell(scaled, story)


def test_scaling_that_the_deployment_brought_goes_again(plain: EcsPlatform, tmp_path: Path) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = plain.state()
        snapshot = await story.capture(NEW)
        with EcsPlatform(tmp_path / "other") as scaled:
            release = scaled.release(NEW)
        await deploy(plain, release, "second")
        assert plain.world.scaling.policies
        await story.roll_back(snapshot, TestAttempt("third"))
        assert plain.state() == before

    tell(plain, story)


def test_settings_that_only_the_deployment_had_go_again(plain: EcsPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = plain.state()
        snapshot = await story.capture(NEW)
        more = SERVED.replace("maximumPercent: 200", "maximumPercent: 150") + "enableExecuteCommand: true\n"
        await deploy(plain, of(plain, NEW, served=more), "second")
        changes = await plain.provider.preview(plain.target, snapshot)
        assert {change.field for change in changes} == {
            "taskDefinition",
            "deploymentConfiguration",
            "enableExecuteCommand",
        }
        await story.roll_back(snapshot, TestAttempt("third"))
        assert plain.state() == before

    tell(plain, story)


def test_somebody_who_deploys_meanwhile_is_not_overwritten(plain: EcsPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))

        class Overtaken(TestAttempt):
            """Somebody is faster, just before our request."""

            async def before_effect(self) -> None:
                await super().before_effect()
                if self.effects == 2:
                    await asyncio.to_thread(plain.change_by_hand)

        with pytest.raises(ProviderConflict):
            await story.deploy(NEW, Overtaken("second"))
        assert "by-hand" in plain.running()
        assert NEW not in plain.running()

    tell(plain, story)


def test_two_lost_answers_register_one_revision(plain: EcsPlatform) -> None:
    async def story(story: Story) -> None:
        plain.world.faults.add(Fault(FaultMode.LOST, operation="RegisterTaskDefinition", times=2))
        await story.deploy(OLD, TestAttempt("first"))
        assert len(plain.definitions()) == 1
        with pytest.raises(BrokenOffError):
            await story.deploy(NEW, TestAttempt("second", breaks_before=2))
        await story.deploy(NEW, TestAttempt("second"))
        assert len(plain.definitions()) == 2

    tell(plain, story)


def test_a_service_of_another_controller_is_not_touched(plain: EcsPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        found = plain.service()
        assert found is not None
        found.settings = {**found.settings, "deploymentController": {"type": "CODE_DEPLOY"}}
        mark = plain.world.requests.mark
        with pytest.raises(ProviderRefused, match="CODE_DEPLOY"):
            await story.deploy(NEW, TestAttempt("second"))
        assert plain.effects(mark) == []

    tell(plain, story)


@pytest.mark.parametrize(
    ("task", "service", "told"),
    [
        ("family: a\ncontainerDefinitons: []", SERVED, 'did you mean "containerDefinitions"'),
        (TASK.format(version="1"), SERVED + "desiredCuont: 3", 'did you mean "desiredCount"'),
        (TASK.format(version="1"), SERVED + "cluster: other", "sets cluster"),
        (TASK.format(version="1"), "desiredCount: 3", "serviceName"),
        ("- a", SERVED, "must hold one object"),
        (
            TASK.format(version="1"),
            SERVED + "loadBalancers: [{targetGroupArn: <+targetGroupArn>, containerName: a, containerPort: 1}]",
            "only the blue/green steps",
        ),
    ],
)
def test_a_manifest_that_does_not_fit_is_told_before_anything_is_done(
    plain: EcsPlatform, task: str, service: str, told: str
) -> None:
    async def story(_: Story) -> None:
        with pytest.raises(ProviderRefused, match=told):
            await deploy(plain, plain.of_manifests(task, service), "first")
        assert plain.effects(0) == []

    tell(plain, story)


def test_a_manifest_of_another_platform_is_refused(plain: EcsPlatform) -> None:
    async def story(_: Story) -> None:
        foreign = Manifest(identifier="x", type="K8sManifest", content="a: b")
        release = plain.release(OLD).model_copy(update={"manifests": (foreign,)})
        with pytest.raises(ProviderRefused, match="K8sManifest"):
            await deploy(plain, release, "first")

    tell(plain, story)


def test_the_preview_says_to_which_count_the_rollback_reduces_the_service(plain: EcsPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        plain.client.update_service(cluster=CLUSTER, service=SERVICE, desiredCount=6)
        changes = await plain.provider.preview(plain.target, snapshot)
        shown = {change.field: (change.current, change.target) for change in changes}
        assert shown["desiredCount"] == ("6", "3")
        await story.roll_back(snapshot, TestAttempt("third"))
        found = plain.described()
        assert found is not None
        assert found["desiredCount"] == 3

    tell(plain, story)
