"""Auto Scaling of the AWS world, driven by botocore on a clock that the test moves, and compared with moto."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import httpx2
import pytest

from sandbox.aws import AwsWorld
from tests.sandbox.aws_clients import Client, client, refusal

NAME = "web"
FIRST, SECOND = ({"LaunchTemplateName": NAME, "Version": number} for number in ("1", "2"))


@pytest.fixture
def world() -> Iterator[AwsWorld]:
    with AwsWorld.start(tick=0.01) as made:
        made.clock.pause()
        yield made


class Web:
    """A group of three instances, with a launch template of two versions."""

    def __init__(self, world: AwsWorld, **settings: Any) -> None:
        self.world = world
        self.asg: Client = client(world, "autoscaling")
        self.ec2: Client = client(world, "ec2")
        self.elb: Client = client(world, "elbv2")
        self.ec2.create_launch_template(LaunchTemplateName=NAME, LaunchTemplateData={"ImageId": "ami-1"})
        self.ec2.create_launch_template_version(LaunchTemplateName=NAME, LaunchTemplateData={"ImageId": "ami-2"})
        wanted = {"MinSize": 2, "MaxSize": 6, "DesiredCapacity": 3, "VPCZoneIdentifier": "subnet-1,subnet-2"}
        self.asg.create_auto_scaling_group(
            AutoScalingGroupName=NAME, LaunchTemplate=FIRST, **{**wanted, **settings}
        )

    @property
    def group(self) -> dict[str, Any]:
        return self.asg.describe_auto_scaling_groups(AutoScalingGroupNames=[NAME])["AutoScalingGroups"][0]

    def versions(self, state: str = "InService") -> Counter[str]:
        """How many instances of each version are in a state."""
        found = [item for item in self.group["Instances"] if item["LifecycleState"] == state]
        return Counter(item["LaunchTemplate"]["Version"] for item in found)

    def refresh(self, **preferences: Any) -> None:
        self.asg.start_instance_refresh(
            AutoScalingGroupName=NAME, DesiredConfiguration={"LaunchTemplate": SECOND}, Preferences=preferences
        )

    def newest(self) -> dict[str, Any]:
        return self.asg.describe_instance_refreshes(AutoScalingGroupName=NAME)["InstanceRefreshes"][0]

    def until(self, status: str, most: int = 60) -> list[tuple[int, Counter[str]]]:
        """Moves the clock until the refresh has a status; percentage and instances in service at each tick."""
        seen: list[tuple[int, Counter[str]]] = []
        for _ in range(most):
            self.world.clock.advance()
            found = self.newest()
            seen.append((found["PercentageComplete"], self.versions()))
            if found["Status"] == status:
                return seen
        raise AssertionError(f"{self.newest()} after {most} ticks")

    def messages(self) -> list[str]:
        found = self.asg.describe_scaling_activities(AutoScalingGroupName=NAME)["Activities"]
        return [item["StatusMessage"] for item in found if item["StatusCode"] == "Failed"]

    def target_group(self) -> str:
        """A target group that a listener forwards to, attached to the group."""
        made = self.elb.create_target_group(Name=NAME, Protocol="HTTP", Port=80, VpcId="vpc-1")
        arn: str = made["TargetGroups"][0]["TargetGroupArn"]
        balancer = self.elb.create_load_balancer(Name=NAME)["LoadBalancers"][0]["LoadBalancerArn"]
        actions = [{"Type": "forward", "TargetGroupArn": arn}]
        self.elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=actions)
        self.asg.attach_load_balancer_target_groups(AutoScalingGroupName=NAME, TargetGroupARNs=[arn])
        return arn


def test_a_group_comes_to_its_capacity_and_keeps_it(world: AwsWorld) -> None:
    web = Web(world)
    assert web.group["Instances"] == []
    world.clock.advance(1)
    assert web.versions("Pending") == {"1": 3}
    world.clock.advance(3)
    assert web.versions() == {"1": 3}
    assert {item["AvailabilityZone"] for item in web.group["Instances"]} == {"eu-west-1a", "eu-west-1b"}
    killed = web.group["Instances"][0]["InstanceId"]
    web.ec2.terminate_instances(InstanceIds=[killed])
    world.clock.advance(6)
    assert web.versions() == {"1": 3}
    assert killed not in [item["InstanceId"] for item in web.group["Instances"]]
    web.asg.update_auto_scaling_group(AutoScalingGroupName=NAME, MaxSize=2)
    world.clock.advance(4)
    assert (web.versions(), web.group["DesiredCapacity"]) == ({"1": 2}, 2)


def test_a_refresh_replaces_one_at_a_time_and_then_changes_the_group(world: AwsWorld) -> None:
    web = Web(world)
    world.clock.advance(4)
    web.refresh()
    assert (web.newest()["Status"], web.newest()["PercentageComplete"]) == ("Pending", 0)
    seen = web.until("Successful")
    assert all(sum(counts.values()) >= 2 for _, counts in seen)
    assert [percentage for percentage, _ in seen] == sorted(percentage for percentage, _ in seen)
    assert {0, 33, 66, 100} == {percentage for percentage, _ in seen}
    assert web.versions() == {"2": 3}
    assert web.group["LaunchTemplate"]["Version"] == "2"


def test_with_a_higher_maximum_new_ones_come_before_old_ones_go(world: AwsWorld) -> None:
    web = Web(world)
    world.clock.advance(4)
    web.refresh(MinHealthyPercentage=100, MaxHealthyPercentage=200)
    seen = web.until("Successful")
    assert all(sum(counts.values()) >= 3 for _, counts in seen)
    world.clock.advance(3)
    assert web.versions() == {"2": 3}


def test_what_matches_is_skipped(world: AwsWorld) -> None:
    web = Web(world)
    world.clock.advance(4)
    web.asg.update_auto_scaling_group(AutoScalingGroupName=NAME, LaunchTemplate=SECOND)
    web.ec2.terminate_instances(InstanceIds=[web.group["Instances"][0]["InstanceId"]])
    world.clock.advance(6)
    assert web.versions() == {"1": 2, "2": 1}
    kept = [item["InstanceId"] for item in web.group["Instances"] if item["LaunchTemplate"]["Version"] == "2"]
    web.refresh(SkipMatching=True)
    web.until("Successful")
    assert set(kept) < {item["InstanceId"] for item in web.group["Instances"]}
    web.refresh(SkipMatching=True)
    assert len(web.until("Successful")) == 1


def test_only_one_refresh_goes_on_and_it_can_be_cancelled(world: AwsWorld) -> None:
    web = Web(world)
    world.clock.advance(4)
    web.refresh()
    assert refusal(web.asg.start_instance_refresh, AutoScalingGroupName=NAME)[1] == "InstanceRefreshInProgress"
    told = refusal(web.asg.update_auto_scaling_group, AutoScalingGroupName=NAME, LaunchTemplate=SECOND)
    assert told[1] == "ValidationError"
    assert "active instance refresh with a desired configuration" in told[2]
    world.clock.advance(4)
    web.asg.cancel_instance_refresh(AutoScalingGroupName=NAME)
    assert web.newest()["Status"] == "Cancelling"
    web.until("Cancelled")
    assert (
        refusal(web.asg.cancel_instance_refresh, AutoScalingGroupName=NAME)[1] == "ActiveInstanceRefreshNotFound"
    )
    assert web.group["LaunchTemplate"]["Version"] == "1"
    world.clock.advance(5)
    assert sum(web.versions().values()) == 3


def test_a_refresh_is_rolled_back_on_demand(world: AwsWorld) -> None:
    web = Web(world)
    world.clock.advance(4)
    web.refresh()
    world.clock.advance(7)
    assert web.versions()["2"] > 0
    web.asg.rollback_instance_refresh(AutoScalingGroupName=NAME)
    assert web.newest()["Status"] == "RollbackInProgress"
    web.until("RollbackSuccessful")
    assert web.newest()["RollbackDetails"]["RollbackReason"]
    assert (web.versions(), web.group["LaunchTemplate"]["Version"]) == ({"1": 3}, "1")


def test_a_refresh_without_a_desired_configuration_cannot_be_rolled_back(world: AwsWorld) -> None:
    web = Web(world)
    world.clock.advance(4)
    web.asg.start_instance_refresh(AutoScalingGroupName=NAME)
    told = refusal(web.asg.rollback_instance_refresh, AutoScalingGroupName=NAME)
    assert told[1] == "IrreversibleInstanceRefresh"


@pytest.mark.parametrize("automatic", [False, True])
def test_instances_that_end_while_they_start_make_a_refresh_fail(world: AwsWorld, automatic: bool) -> None:
    web = Web(world)
    world.clock.advance(4)
    world.ec2.images.bad("ami-2")
    world.auto_scaling.refreshing.patience = 20
    web.refresh(AutoRollback=automatic)
    web.until("RollbackSuccessful" if automatic else "Failed")
    assert "Client.InternalError: Client error on launch" in web.messages()[0]
    assert web.newest()["StatusReason"]
    assert web.versions()["1"] == (3 if automatic else 2)


def test_an_image_that_is_gone_is_refused_or_told_in_the_activities(world: AwsWorld) -> None:
    web = Web(world)
    world.clock.advance(4)
    world.ec2.images.deregister("ami-")
    told = refusal(web.asg.update_auto_scaling_group, AutoScalingGroupName=NAME, LaunchTemplate=SECOND)
    assert told[1:] == (
        "ValidationError",
        "You must use a valid fully-formed launch template. The image id '[ami-2]' does not exist",
    )
    web.ec2.terminate_instances(InstanceIds=[web.group["Instances"][0]["InstanceId"]])
    world.clock.advance(6)
    assert web.messages()[0] == "The image id '[ami-1]' does not exist. Launching EC2 instance failed."


def test_members_are_registered_with_target_groups_and_replaced_when_those_say_so(world: AwsWorld) -> None:
    web = Web(world, HealthCheckType="ELB", HealthCheckGracePeriod=5)
    arn = web.target_group()
    world.clock.advance(8)
    found = web.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert [item["TargetHealth"]["State"] for item in found] == ["healthy"] * 3
    before = {item["InstanceId"] for item in web.group["Instances"]}
    world.ec2.images.unhealthy("ami-1")
    world.clock.advance(12)
    assert before.isdisjoint({item["InstanceId"] for item in web.group["Instances"]})
    web.asg.detach_load_balancer_target_groups(AutoScalingGroupName=NAME, TargetGroupARNs=[arn])
    assert web.group["TargetGroupARNs"] == []


def test_what_hangs_on_a_group_is_listed_and_goes_again(world: AwsWorld) -> None:
    web = Web(world)
    asg = web.asg
    here = {"AutoScalingGroupName": NAME}
    tag = {"ResourceId": NAME, "ResourceType": "auto-scaling-group", "Key": "team", "Value": "shop"}
    asg.create_or_update_tags(Tags=[{**tag, "PropagateAtLaunch": True}])
    world.clock.advance(3)
    instance = web.group["Instances"][0]["InstanceId"]
    shown = web.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert {"Key": "team", "Value": "shop"} in shown["Tags"]
    target = {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
        "TargetValue": 50.0,
    }
    tracking = {"PolicyType": "TargetTrackingScaling", "TargetTrackingConfiguration": target}
    asg.put_scaling_policy(**here, PolicyName="cpu", **tracking)
    asg.put_scheduled_update_group_action(**here, ScheduledActionName="night", Recurrence="0 22 * * *", MinSize=1)
    asg.put_lifecycle_hook(
        **here,
        LifecycleHookName="ready",
        LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
        HeartbeatTimeout=30,
    )
    asg.suspend_processes(**here, ScalingProcesses=["AZRebalance"])
    asg.enable_metrics_collection(**here, Granularity="1Minute", Metrics=["GroupMinSize"])
    assert asg.describe_policies(**here)["ScalingPolicies"][0]["TargetTrackingConfiguration"] == target
    [action] = asg.describe_scheduled_actions(**here)["ScheduledUpdateGroupActions"]
    assert (action["Recurrence"], action["MinSize"]) == ("0 22 * * *", 1)
    assert asg.describe_lifecycle_hooks(**here)["LifecycleHooks"][0]["DefaultResult"] == "ABANDON"
    assert [item["ProcessName"] for item in web.group["SuspendedProcesses"]] == ["AZRebalance"]
    assert [item["Metric"] for item in web.group["EnabledMetrics"]] == ["GroupMinSize"]
    asg.delete_policy(**here, PolicyName="cpu")
    asg.delete_scheduled_action(**here, ScheduledActionName="night")
    asg.delete_lifecycle_hook(**here, LifecycleHookName="ready")
    asg.resume_processes(**here)
    asg.delete_tags(Tags=[tag])
    assert (web.group["SuspendedProcesses"], web.group["Tags"]) == ([], [])
    assert asg.describe_policies(**here)["ScalingPolicies"] == []


def test_a_hook_holds_a_new_instance_until_its_heartbeat_ends(world: AwsWorld) -> None:
    web = Web(world)
    hook = {"LifecycleHookName": "ready", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}
    web.asg.put_lifecycle_hook(AutoScalingGroupName=NAME, **hook, HeartbeatTimeout=30, DefaultResult="CONTINUE")
    world.clock.advance(10)
    assert web.versions("Pending:Wait") == {"1": 3}
    world.clock.advance(30)
    assert web.versions() == {"1": 3}


def test_a_group_with_instances_goes_only_when_it_is_forced_and_then_takes_its_time(world: AwsWorld) -> None:
    web = Web(world)
    world.clock.advance(4)
    assert refusal(web.asg.delete_auto_scaling_group, AutoScalingGroupName=NAME)[1] == "ResourceInUse"
    web.asg.delete_auto_scaling_group(AutoScalingGroupName=NAME, ForceDelete=True)
    assert web.group["Status"] == "Delete in progress"
    assert refusal(web.asg.update_auto_scaling_group, AutoScalingGroupName=NAME, MinSize=1)[1] == "ValidationError"
    world.clock.advance(5)
    assert web.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_other_processes_decide_the_fate_of_images(world: AwsWorld) -> None:
    with httpx2.Client(base_url=world.url, trust_env=False, verify=False) as asked:
        path = "/_sandbox/machine-images"
        assert asked.post(path, json={"pattern": "ami-1", "fate": "gone"}).status_code == 201
        assert world.ec2.images.fate("ami-1") == "gone"
        assert asked.post(path, json={"pattern": "ami-1", "fate": "odd"}).status_code == 400
        asked.delete(path)
    assert world.ec2.images.fate("ami-1") == "good"


GHOST = {"AutoScalingGroupName": "ghost"}
SIZES = {"MinSize": 1, "MaxSize": 1, "AvailabilityZones": ["eu-west-1a"]}
Refused = Callable[[Client], tuple[int, str, str]]
REFUSALS: dict[str, Refused] = {
    "update": lambda asg: refusal(asg.update_auto_scaling_group, **GHOST, MinSize=1),
    "create without a template": lambda asg: refusal(asg.create_auto_scaling_group, **GHOST, **SIZES),
    "delete a scheduled action": lambda asg: refusal(
        asg.delete_scheduled_action, AutoScalingGroupName=NAME, ScheduledActionName="ghost"
    ),
}


def test_what_is_refused_is_refused_with_the_status_and_code_that_moto_has(world: AwsWorld) -> None:
    web = Web(world)
    refused = {case: refuse(web.asg)[:2] for case, refuse in REFUSALS.items()}
    with import_module("moto").mock_aws():
        session: Any = import_module("boto3").Session("test", "test", region_name="eu-west-1")
        theirs = session.client("autoscaling")
        assert refused == {case: refuse(theirs)[:2] for case, refuse in REFUSALS.items()}


def test_protected_instances_hold_a_refresh_up_unless_it_may_replace_them(world: AwsWorld) -> None:
    web = Web(world, NewInstancesProtectedFromScaleIn=True)
    world.clock.advance(4)
    web.refresh()
    world.clock.advance(20)
    assert (web.newest()["Status"], web.versions()) == ("InProgress", {"1": 3})
    web.asg.cancel_instance_refresh(AutoScalingGroupName=NAME)
    web.until("Cancelled")
    web.refresh(ScaleInProtectedInstances="Refresh")
    web.until("Successful")
    assert web.versions() == {"2": 3}
