"""Rolling deployments of Auto Scaling groups and their ways back, in the cases that the contract does not tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.asg.values import AsgSnapshot
from providers.errors import ProviderRefused, ProviderTimedOut
from providers.values import Effect, InstanceHealth, Manifest, Snapshot
from sandbox.aws.access import AccessKey
from sandbox.aws.world import KEY
from tests.providers.asg.platform import GROUP, NAME, AsgPlatform
from tests.providers.attempts import TestAttempt
from tests.providers.stories import NEW, OLD, Story, tell

HERE = {"AutoScalingGroupName": NAME}
POLICY = Manifest(
    identifier="cpu",
    type="AsgScalingPolicy",
    content="""
PolicyName: cpu
PolicyType: TargetTrackingScaling
TargetTrackingConfiguration:
  PredefinedMetricSpecification: {PredefinedMetricType: ASGAverageCPUUtilization}
  TargetValue: 50
""",
)


@pytest.fixture
def asg(tmp_path: Path) -> Iterator[AsgPlatform]:
    with AsgPlatform(tmp_path) as made:
        yield made


def operations(asg: AsgPlatform, mark: int) -> list[str]:
    return [request.operation.partition(":")[2] for request in asg.effects(mark)]


def write(reference: str, secret: str) -> None:
    """Change a secret that a connector refers to."""
    Path(reference.removeprefix("file:")).write_text(secret)


def saved(snapshot: Snapshot) -> AsgSnapshot:
    assert isinstance(snapshot, AsgSnapshot)
    return snapshot


def test_a_version_is_made_once_and_the_group_changes_when_the_refresh_succeeded(asg: AsgPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        mark = asg.world.requests.mark
        outcome = await story.deploy(NEW, TestAttempt("second"))
        assert operations(asg, mark) == ["CreateLaunchTemplateVersion", "StartInstanceRefresh"]
        assert outcome.outputs == {
            "asgName": NAME,
            "launchTemplateName": NAME,
            "launchTemplateVersion": "2",
            "imageId": f"ami-{NEW}",
            "desiredCapacity": 3,
        }
        again = await story.deploy(NEW, TestAttempt("third"))
        assert (again.effect, again.reason) == (Effect.SKIPPED, "search runs this version already.")

    tell(asg, story)


def test_without_skip_matching_instances_are_replaced_by_equal_ones(asg: AsgPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        before = set(asg.machines())
        asg.deploy_steps = (asg.spec("AsgRollingDeploy", skipMatching=False, maximumHealthyPercentage=150),)
        await story.deploy(OLD, TestAttempt("second"))
        assert before.isdisjoint(asg.machines())
        after = set(asg.machines())
        await story.deploy(OLD, TestAttempt("second"))
        assert after == set(asg.machines())

    tell(asg, story)


def test_a_refresh_of_somebody_else_is_cancelled_first(asg: AsgPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        asg.break_version("by-hand")
        asg.change_by_hand()
        mark = asg.world.requests.mark
        await story.roll_back(snapshot, TestAttempt("third"))
        assert operations(asg, mark) == ["CancelInstanceRefresh", "UpdateAutoScalingGroup", "StartInstanceRefresh"]
        assert set(asg.running()) == {OLD}

    tell(asg, story)


def test_capacity_of_the_moment_is_kept_until_the_old_version_is_back(asg: AsgPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        asg.by_hand("autoscaling", "UpdateAutoScalingGroup", **HERE, MaxSize=8, DesiredCapacity=5)
        attempt = TestAttempt("third")
        mark = asg.world.requests.mark
        await story.roll_back(snapshot, attempt)
        desired = [request.body.get("DesiredCapacity") for request in asg.effects(mark)]
        assert desired == [None, "5", None, "3"]
        assert max(progress.desired or 0 for progress in attempt.told) == 5
        assert asg.running() == [OLD] * 3

    tell(asg, story)


def test_what_hangs_on_the_group_comes_back_and_a_scaled_count_stays(asg: AsgPlatform) -> None:
    async def story(story: Story) -> None:
        provider, target = asg.provider, asg.target
        [step] = asg.deploy_steps
        first = asg.of_group(f"{GROUP}Tags: [{{Key: team, Value: shop}}]\n", OLD, POLICY)
        await provider.deploy(target, first, step, TestAttempt("first").at_step(0))
        before = asg.groups()
        hook = {"LifecycleHookName": "gone", "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING"}
        changed = POLICY.model_copy(update={"content": POLICY.content.replace("50", "70")})
        second = asg.of_group(
            f"{GROUP}Tags: [{{Key: team, Value: web}}, {{Key: more, Value: x}}]\n"
            f"MaxInstanceLifetime: 86400\nLifecycleHookSpecificationList: [{hook}]\n".replace("'", '"'),
            NEW,
            changed,
        )
        snapshot = await provider.capture(target, second)
        assert snapshot.groups[0].autoscaled
        await provider.deploy(target, second, step, TestAttempt("second").at_step(0))
        asg.by_hand("autoscaling", "SetDesiredCapacity", **HERE, DesiredCapacity=4)
        asg.by_hand("autoscaling", "SuspendProcesses", **HERE, ScalingProcesses=["AZRebalance"])
        await story.roll_back(snapshot, TestAttempt("third"))
        after = asg.groups()
        assert after[NAME].pop("images") == [f"ami-{OLD}"] * 4
        assert after[NAME]["settings"].pop("DesiredCapacity") == 4
        before[NAME].pop("images")
        before[NAME]["settings"].pop("DesiredCapacity")
        assert after == before

    tell(asg, story)


def test_floating_versions_are_recorded_as_numbers(asg: AsgPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        floating = {"LaunchTemplateName": NAME, "Version": "$Latest"}
        asg.by_hand("autoscaling", "UpdateAutoScalingGroup", **HERE, LaunchTemplate=floating)
        snapshot = saved(await story.capture(NEW))
        assert snapshot.saved[0].template.version == 1
        await story.deploy(NEW, TestAttempt("second"))
        await story.roll_back(snapshot, TestAttempt("third"))
        assert set(asg.running()) == {OLD}
        assert asg.groups()[NAME]["version"] == "1"

    tell(asg, story)


def test_an_image_that_does_not_exist_is_refused_before_anything_is_done(asg: AsgPlatform) -> None:
    async def story(story: Story) -> None:
        asg.world.ec2.images.deregister(NEW)
        mark = asg.world.requests.mark
        with pytest.raises(ProviderRefused, match=f"image ami-{NEW} does not exist"):
            await story.deploy(NEW, TestAttempt("first"))
        assert asg.effects(mark) == []

    tell(asg, story)


def test_instances_that_do_not_start_end_the_step_early(asg: AsgPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        asg.break_version(NEW)
        with pytest.raises(ProviderRefused, match="its instances do not start") as refused:
            await story.deploy(NEW, TestAttempt("second"))
        assert "Client.InternalError" in (refused.value.said or "")
        assert asg.groups()[NAME]["version"] == "1", "the group still launches what ran before"

    tell(asg, story)


def test_a_refresh_that_the_platform_gives_up_is_told_with_its_reason(asg: AsgPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        asg.world.auto_scaling.refreshing.patience = 1
        with pytest.raises(ProviderRefused, match="did not succeed") as refused:
            await story.deploy(NEW, TestAttempt("second"))
        assert "Failed. An instance refresh has failed to make progress" in (refused.value.said or "")

    tell(asg, story)


def test_a_group_in_the_middle_of_being_deleted_is_waited_for(asg: AsgPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        asg.by_hand("autoscaling", "DeleteAutoScalingGroup", **HERE, ForceDelete=True)
        outcome = await story.roll_back(snapshot, TestAttempt("third"))
        assert outcome.outputs["restoredLaunchTemplateVersion"] == "1"
        assert asg.running() == [OLD] * 3

    tell(asg, story)


def test_the_health_of_load_balancers_counts(asg: AsgPlatform) -> None:
    async def story(story: Story) -> None:
        made: Any = asg.by_hand("elbv2", "CreateTargetGroup", Name="web", Protocol="HTTP", Port=80)
        arn = made["TargetGroups"][0]["TargetGroupArn"]
        balancer = asg.by_hand("elbv2", "CreateLoadBalancer", Name="web")["LoadBalancers"][0]["LoadBalancerArn"]
        forward = [{"Type": "forward", "TargetGroupArn": arn}]
        asg.by_hand("elbv2", "CreateListener", LoadBalancerArn=balancer, Port=80, DefaultActions=forward)
        asg.group = f"{GROUP}TargetGroupARNs: ['{arn}']\n"
        await story.deploy(OLD, TestAttempt("first"))
        assert {item.health for item in await asg.provider.instances(asg.target, asg.release(OLD))} == {
            InstanceHealth.HEALTHY
        }
        before = asg.state()
        snapshot = await story.capture(NEW)
        asg.world.ec2.images.unhealthy(NEW)
        with pytest.raises(ProviderTimedOut) as late:
            await story.deploy(NEW, TestAttempt("second", seconds_left=1.0))
        assert late.value.said
        seen = await asg.provider.instances(asg.target, asg.release(OLD))
        assert InstanceHealth.UNHEALTHY in {item.health for item in seen}
        await story.roll_back(snapshot, TestAttempt("third"))
        assert asg.state() == before

    tell(asg, story)


def test_a_group_with_a_launch_configuration_is_refused_with_the_remedy(asg: AsgPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        asg.world.auto_scaling.groups[NAME].settings.pop("LaunchTemplate")
        with pytest.raises(ProviderRefused, match="launch configuration"):
            await story.capture(NEW)

    tell(asg, story)


def test_a_version_of_the_template_that_is_gone_closes_the_way(asg: AsgPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        asg.by_hand("ec2", "ModifyLaunchTemplate", LaunchTemplateName=NAME, DefaultVersion="2")
        asg.by_hand("ec2", "DeleteLaunchTemplateVersions", LaunchTemplateName=NAME, Versions=["1"])
        [obstacle] = await asg.provider.preflight(asg.target, snapshot)
        assert obstacle.message.startswith("The launch template search version 1 no longer exists")
        mark = asg.world.requests.mark
        with pytest.raises(ProviderRefused, match="no longer exists"):
            await story.roll_back(snapshot, TestAttempt("third"))
        assert asg.effects(mark) == []

    tell(asg, story)


def test_credentials_that_expire_midway_are_read_anew_once(asg: AsgPlatform) -> None:
    async def story(story: Story) -> None:
        asg.world.access.demand(KEY)
        snapshot = await story.deployed_twice()
        fresh = AccessKey("AKIAFRESH00000000001", "another-secret")
        asg.world.access.demand(fresh)
        spec = asg.connectors.by_identifier["aws"].spec
        for reference, value in (("accessKeyRef", fresh.id), ("secretKeyRef", fresh.secret)):
            write(spec[reference], value)
        asg.world.access.expire(KEY.id)
        await story.roll_back(snapshot, TestAttempt("third"))
        assert set(asg.running()) == {OLD}

    tell(asg, story)


def test_protected_instances_are_replaced_as_well(asg: AsgPlatform) -> None:
    async def story(story: Story) -> None:
        asg.group = f"{GROUP}NewInstancesProtectedFromScaleIn: true\n"
        snapshot = await story.deployed_twice()
        assert asg.running() == [NEW] * 3
        await story.roll_back(snapshot, TestAttempt("third"))
        assert asg.running() == [OLD] * 3

    tell(asg, story)
