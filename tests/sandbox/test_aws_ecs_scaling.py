"""Application autoscaling of the AWS world, asked by botocore's own client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.aws import AwsWorld
from tests.sandbox.aws_clients import Client, client, refusal

WEB = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/shop/web",
    "ScalableDimension": "ecs:service:DesiredCount",
}
TRACKING = {
    "TargetValue": 50.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
}


@pytest.fixture
def scaling() -> Iterator[Client]:
    with AwsWorld.start(tick=0.005) as world:
        yield client(world, "application-autoscaling")


def test_a_target_is_registered_changed_and_suspended(scaling: Client) -> None:
    arn = scaling.register_scalable_target(**WEB, MinCapacity=2, MaxCapacity=6)["ScalableTargetARN"]
    again = scaling.register_scalable_target(**WEB, SuspendedState={"DynamicScalingInSuspended": True})
    assert again["ScalableTargetARN"] == arn
    found = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=["service/shop/web"])
    target = found["ScalableTargets"][0]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 6)
    assert target["SuspendedState"] == {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": False,
    }
    assert scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=["x"])["ScalableTargets"] == []


def test_a_policy_keeps_its_arn_and_goes_with_its_target(scaling: Client) -> None:
    policy = {**WEB, "PolicyName": "cpu", "PolicyType": "TargetTrackingScaling"}
    refused = refusal(scaling.put_scaling_policy, **policy, TargetTrackingScalingPolicyConfiguration=TRACKING)
    assert refused[1] == "ObjectNotFoundException"
    scaling.register_scalable_target(**WEB, MinCapacity=2, MaxCapacity=6)
    first = scaling.put_scaling_policy(**policy, TargetTrackingScalingPolicyConfiguration=TRACKING)
    changed = {**TRACKING, "TargetValue": 70.0}
    second = scaling.put_scaling_policy(**policy, TargetTrackingScalingPolicyConfiguration=changed)
    assert first["PolicyARN"] == second["PolicyARN"]
    found = scaling.describe_scaling_policies(ServiceNamespace="ecs", ResourceId="service/shop/web")
    assert [
        item["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] for item in found["ScalingPolicies"]
    ] == [70.0]
    scaling.deregister_scalable_target(**WEB)
    assert scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []
    assert refusal(scaling.delete_scaling_policy, **WEB, PolicyName="cpu")[1] == "ObjectNotFoundException"
    assert refusal(scaling.deregister_scalable_target, **WEB)[1] == "ObjectNotFoundException"


def test_capacities_are_needed_and_ordered(scaling: Client) -> None:
    assert refusal(scaling.register_scalable_target, **WEB, MinCapacity=2)[1] == "ValidationException"
    backwards = refusal(scaling.register_scalable_target, **WEB, MinCapacity=3, MaxCapacity=2)
    assert backwards[1:] == ("ValidationException", "Maximum capacity cannot be less than minimum capacity")


def test_scheduled_actions_and_tags_are_kept(scaling: Client) -> None:
    arn = scaling.register_scalable_target(**WEB, MinCapacity=2, MaxCapacity=6, Tags={"a": "1"})
    scaling.put_scheduled_action(
        **WEB,
        ScheduledActionName="night",
        Schedule="cron(0 20 * * ? *)",
        ScalableTargetAction={"MinCapacity": 1},
    )
    found = scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"]
    assert [item["ScheduledActionName"] for item in found] == ["night"]
    scaling.delete_scheduled_action(**WEB, ScheduledActionName="night")
    assert scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"] == []
    scaling.tag_resource(ResourceARN=arn["ScalableTargetARN"], Tags={"b": "2"})
    scaling.untag_resource(ResourceARN=arn["ScalableTargetARN"], TagKeys=["a"])
    assert scaling.list_tags_for_resource(ResourceARN=arn["ScalableTargetARN"])["Tags"] == {"b": "2"}
