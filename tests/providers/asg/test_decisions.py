"""Decisions of the Auto Scaling provider that need no platform: manifests, merging, edits, plans."""

from __future__ import annotations

import pytest
from pydantic import JsonValue, ValidationError

from providers.asg.edits import configuration, creation, edits, template_edit
from providers.asg.groups import Group
from providers.asg.manifests import parse
from providers.asg.merging import merge
from providers.asg.names import CREATED_TAG, DEPLOYED_TAG, mark
from providers.asg.planning import changes, deployed_since, extra, goal, rerouted
from providers.asg.refreshing import Refresh
from providers.asg.values import (
    AsgSnapshot,
    BlueGreenDeploySpec,
    RollingDeploySpec,
    SavedGroup,
    Tag,
    TemplateVersion,
)
from providers.aws.values import Route
from providers.errors import ProviderRefused
from providers.tree import Tree
from providers.values import Manifest, Release

FIRST = TemplateVersion(id="lt-1", name="web", version=1)
SECOND = TemplateVersion(id="lt-1", name="web", version=2)
WEB = SavedGroup(
    name="web",
    template=FIRST,
    least=1,
    most=4,
    desired=2,
    settings={"HealthCheckType": "EC2", "DefaultCooldown": 300, "VPCZoneIdentifier": "subnet-1"},
    tags=(Tag(key="team", value="shop"),),
)
POLICY: Tree = {
    "PolicyName": "cpu",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingConfiguration": {"TargetValue": 50},
}
TEMPLATE = "{LaunchTemplateName: web, LaunchTemplateData: {ImageId: ami-1}}"
GROUP = "{AutoScalingGroupName: web, MinSize: 1, MaxSize: 4, DesiredCapacity: 3, VPCZoneIdentifier: subnet-1}"


def release(group: str = GROUP, **others: str) -> Release:
    kinds = {"AsgLaunchTemplate": TEMPLATE, "AsgConfiguration": group, **others}
    manifests = [Manifest(identifier=kind, type=kind, content=content) for kind, content in kinds.items()]
    return Release(service="web", manifests=tuple(manifests))


def changed(**fields: object) -> SavedGroup:
    return WEB.model_copy(update=fields)


def test_manifests_are_requests_of_the_api() -> None:
    wanted = parse(
        release(AsgScalingPolicy="[{PolicyName: cpu, PolicyType: SimpleScaling, ScalingAdjustment: 1}]")
    )
    assert (wanted.name, wanted.template_name, wanted.desired) == ("web", "web", 3)
    assert wanted.template_data == {"ImageId": "ami-1"}
    assert wanted.policies == ({"PolicyName": "cpu", "PolicyType": "SimpleScaling", "ScalingAdjustment": 1},)
    assert wanted.scheduled is None
    scheduled = parse(
        release(AsgScheduledUpdateGroupAction="{ScheduledActionName: night, StartTime: 2026-01-01T22:00:00Z}")
    ).scheduled
    assert scheduled == ({"ScheduledActionName": "night", "StartTime": "2026-01-01T22:00:00+00:00"},)


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ("{AutoScalingGroupName: web, MinSise: 1, MaxSize: 2}", 'unknown key "MinSise": did you mean MinSize?'),
        ("{AutoScalingGroupName: web, MaxSize: 2}", "needs MinSize"),
        ("{MinSize: 1, MaxSize: 2}", "needs AutoScalingGroupName"),
        ("[1]", "is not a mapping"),
        ("{}\n---\n{}", "holds 2 documents"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused_with_its_fault(group: str, told: str) -> None:
    with pytest.raises(ProviderRefused, match=told.replace("?", r"\?")):
        parse(release(group))


def test_a_missing_manifest_is_named() -> None:
    with pytest.raises(ProviderRefused, match="0 manifests of type AsgConfiguration"):
        parse(Release(service="web", manifests=release().manifests[:1]))


def test_what_manifests_do_not_speak_of_stays() -> None:
    live = changed(policies=(POLICY,), target_groups=("arn:1",), suspended=("AZRebalance",))
    merged = merge(parse(release()), SECOND, live)
    assert merged == live.model_copy(update={"template": SECOND})


def test_the_platforms_own_defaults_are_no_difference() -> None:
    live_policy = {**POLICY, "Enabled": True}
    wanted = parse(
        release(
            AsgScalingPolicy="{PolicyName: cpu, PolicyType: TargetTrackingScaling,"
            " TargetTrackingConfiguration: {TargetValue: 50}}"
        )
    )
    live = changed(policies=(live_policy,), desired=3)
    assert edits(live, merge(wanted, FIRST, live)) == ()


def test_a_group_that_is_scaled_keeps_its_count_within_the_new_bounds() -> None:
    wanted = parse(release())
    assert merge(wanted, SECOND, WEB).desired == 3
    assert merge(wanted, SECOND, WEB, keep=True).desired == 2
    assert merge(wanted, SECOND, changed(policies=(POLICY,), desired=9, most=9)).desired == 4


def test_edits_take_every_difference_away_and_nothing_else() -> None:
    other = SavedGroup(
        name="web",
        template=SECOND,
        least=2,
        most=5,
        desired=3,
        settings={"HealthCheckType": "ELB", "DefaultCooldown": 300, "MaxInstanceLifetime": 86400},
        target_groups=("arn:1",),
        tags=(Tag(key="team", value="web"), Tag(key="new", value="1")),
        hooks=({"LifecycleHookName": "ready", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"},),
        policies=(POLICY,),
        scheduled=({"ScheduledActionName": "night", "MinSize": 0},),
        suspended=("AZRebalance",),
    )
    assert edits(WEB, WEB) == ()
    assert [edit.operation for edit in edits(WEB, other)] == [
        "UpdateAutoScalingGroup",
        "AttachLoadBalancerTargetGroups",
        "CreateOrUpdateTags",
        "PutLifecycleHook",
        "PutScalingPolicy",
        "PutScheduledUpdateGroupAction",
        "SuspendProcesses",
    ]
    back = edits(other, WEB)
    assert [edit.operation for edit in back] == [
        "UpdateAutoScalingGroup",
        "DetachLoadBalancerTargetGroups",
        "CreateOrUpdateTags",
        "DeleteTags",
        "DeleteLifecycleHook",
        "DeletePolicy",
        "DeleteScheduledAction",
        "ResumeProcesses",
    ]
    assert back[0].parameters == {
        "AutoScalingGroupName": "web",
        "MinSize": 1,
        "MaxSize": 4,
        "DesiredCapacity": 2,
        "HealthCheckType": "EC2",
        "MaxInstanceLifetime": 0,
        "VPCZoneIdentifier": "subnet-1",
    }
    assert {change.field for edit in back for change in edit.changes} >= {
        "MaxSize",
        "tag new",
        "scaling policy cpu",
    }


def test_a_template_stands_in_a_mixed_instances_policy_where_there_is_one() -> None:
    mixed: Tree = {
        "LaunchTemplate": {"LaunchTemplateSpecification": {}, "Overrides": [{"InstanceType": "t3.small"}]}
    }
    specification = {"LaunchTemplateId": "lt-1", "Version": "2"}
    assert configuration(changed(template=SECOND)) == {"LaunchTemplate": specification}
    assert configuration(changed(template=SECOND, mixed=mixed)) == {
        "MixedInstancesPolicy": {
            "LaunchTemplate": {
                "LaunchTemplateSpecification": specification,
                "Overrides": [{"InstanceType": "t3.small"}],
            }
        }
    }
    assert creation(WEB)["Tags"] == [
        {
            "ResourceId": "web",
            "ResourceType": "auto-scaling-group",
            "Key": "team",
            "Value": "shop",
            "PropagateAtLaunch": False,
        }
    ]
    assert template_edit(WEB, WEB) is None


def snapshot(*saved: SavedGroup, routes: tuple[Route, ...] = ()) -> AsgSnapshot:
    return AsgSnapshot(existed=bool(saved), name="web", template_name="web", saved=saved, routes=routes)


def group(state: SavedGroup) -> Group:
    return Group(state, (), deleting=False)


def test_only_what_a_deployment_created_is_too_much() -> None:
    ours = changed(name="web__Canary", tags=(Tag(key=CREATED_TAG, value=mark("x")),))
    live = {state.name: group(state) for state in (WEB, changed(name="web__1"), ours)}
    assert [item.name for item in extra(snapshot(WEB), live)] == ["web__Canary"]


def test_a_scaled_group_keeps_the_count_of_the_moment_when_it_goes_back() -> None:
    scaled = changed(policies=(POLICY,))
    assert goal(WEB, changed(desired=4)) == WEB
    assert goal(scaled, changed(desired=3)).desired == 3
    assert goal(scaled, changed(desired=1)).desired == 2
    assert goal(scaled, changed(desired=9)).desired == 4


def route(listener: str, *target_groups: str) -> Route:
    forwards: list[JsonValue] = [{"TargetGroupArn": arn, "Weight": 1} for arn in target_groups]
    return Route(listener=listener, actions=({"Type": "forward", "ForwardConfig": {"TargetGroups": forwards}},))


def test_routes_of_other_services_are_left_alone_and_production_goes_first() -> None:
    saved = changed(target_groups=("a",))
    before = (route("stage", "b"), route("other", "x"), route("prod", "a"))
    now = [route("stage", "a"), route("other", "y"), route("prod", "b")]
    live = {"web": group(saved)}
    assert rerouted(snapshot(saved, routes=before), now, live) == [before[2], before[0]]
    assert rerouted(snapshot(saved, routes=before), list(before), live) == []
    assert rerouted(snapshot(saved, routes=before), [], live) == []


def test_a_colour_is_known_to_be_deployed_to_since() -> None:
    tags = (Tag(key=DEPLOYED_TAG, value="new"),)
    live = {"web__1": group(changed(name="web__1", tags=tags)), "web__2": group(changed(name="web__2"))}
    assert [item.name for item in deployed_since(snapshot(), live)] == ["web__1"]
    assert deployed_since(snapshot(changed(name="web__1", tags=tags)), live) == []


def test_a_preview_names_images_and_groups() -> None:
    live = {"web": group(changed(template=SECOND)), "web__1": group(changed(name="web__1"))}
    images = {FIRST: "ami-1", SECOND: None}
    found = changes(snapshot(WEB, changed(name="web__2")), live, [], images, {})
    assert [(item.resource, item.field, item.current, item.target) for item in found] == [
        ("Auto Scaling group web", "launch template", "web version 2", "ami-1 (web version 1)"),
        ("Auto Scaling group web__2", "group", None, "2 instances at ami-1 (web version 1)"),
    ]


@pytest.mark.parametrize(
    ("status", "left", "done"),
    [("Pending", 0, None), ("Pending", None, None), ("InProgress", 5, 0), ("InProgress", 2, 3), ("Baking", 0, 5)],
)
def test_a_refresh_that_has_not_begun_is_not_done(status: str, left: int | None, done: int | None) -> None:
    """It tells of no instances to go before it has counted them, which is not the same as none being left."""
    assert Refresh("id", status, None, 0, left, {}).done(5) == done


def test_specs_refuse_what_cannot_be() -> None:
    with pytest.raises(ValidationError, match="at most 100 above"):
        RollingDeploySpec(minimum_healthy_percentage=50, maximum_healthy_percentage=200)
    with pytest.raises(ValidationError, match="between min and max"):
        BlueGreenDeploySpec.model_validate(
            {
                "loadBalancers": [{"loadBalancer": "l", "prodListener": "p", "stageListener": "s"}],
                "instances": {"type": "Fixed", "spec": {"min": 2, "max": 3, "desired": 1}},
            }
        )
