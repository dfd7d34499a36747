"""Elastic Load Balancing and EC2 of the AWS world, driven by botocore and compared with moto."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

from sandbox.aws import AwsWorld
from tests.sandbox.aws_clients import Client, client, refusal


@pytest.fixture
def world() -> Iterator[AwsWorld]:
    with AwsWorld.start(tick=0.01) as made:
        made.clock.pause()
        yield made


class Shop:
    """A load balancer with a listener, a rule and two target groups."""

    def __init__(self, world: AwsWorld) -> None:
        self.elb: Client = client(world, "elbv2")
        self.blue, self.green = (self.group(name) for name in ("blue", "green"))
        balancer = self.elb.create_load_balancer(Name="shop", Subnets=["subnet-1", "subnet-2"])["LoadBalancers"][0]
        self.balancer: str = balancer["LoadBalancerArn"]
        self.listener: str = self.elb.create_listener(
            LoadBalancerArn=self.balancer, Protocol="HTTP", Port=80, DefaultActions=forward(self.blue)
        )["Listeners"][0]["ListenerArn"]

    def group(self, name: str) -> str:
        answer = self.elb.create_target_group(Name=name, Protocol="HTTP", Port=8080, VpcId="vpc-1")
        return answer["TargetGroups"][0]["TargetGroupArn"]

    def health(self, group: str) -> dict[str, str]:
        found = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return {item["Target"]["Id"]: item["TargetHealth"]["State"] for item in found}


def forward(group: str) -> list[dict[str, str]]:
    return [{"Type": "forward", "TargetGroupArn": group}]


def test_targets_become_healthy_drain_and_are_unused_without_a_listener(world: AwsWorld) -> None:
    shop = Shop(world)
    for group in (shop.blue, shop.green):
        shop.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": "10.0.0.1"}])
    assert (shop.health(shop.blue), shop.health(shop.green)) == ({"10.0.0.1": "initial"}, {"10.0.0.1": "unused"})
    world.clock.advance(3)
    assert (shop.health(shop.blue), shop.health(shop.green)) == ({"10.0.0.1": "healthy"}, {"10.0.0.1": "unused"})
    shop.elb.modify_listener(ListenerArn=shop.listener, DefaultActions=forward(shop.green))
    assert (shop.health(shop.blue), shop.health(shop.green)) == ({"10.0.0.1": "unused"}, {"10.0.0.1": "healthy"})
    shop.elb.deregister_targets(TargetGroupArn=shop.green, Targets=[{"Id": "10.0.0.1"}])
    assert shop.health(shop.green) == {"10.0.0.1": "draining"}
    world.clock.advance(3)
    assert shop.health(shop.green) == {}


def test_listeners_and_rules_say_where_traffic_goes(world: AwsWorld) -> None:
    shop = Shop(world)
    [listener] = shop.elb.describe_listeners(LoadBalancerArn=shop.balancer)["Listeners"]
    [action] = listener["DefaultActions"]
    assert action["TargetGroupArn"] == shop.blue
    assert action["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": shop.blue, "Weight": 1}]
    shop.elb.modify_listener(ListenerArn=shop.listener, DefaultActions=listener["DefaultActions"])
    assert shop.elb.describe_listeners(ListenerArns=[shop.listener])["Listeners"] == [listener]
    conditions = [{"Field": "path-pattern", "Values": ["/stage/*"]}]
    made = shop.elb.create_rule(
        ListenerArn=shop.listener, Priority=5, Conditions=conditions, Actions=forward(shop.green)
    )["Rules"][0]
    rules = shop.elb.describe_rules(ListenerArn=shop.listener)["Rules"]
    assert [(rule["Priority"], rule["IsDefault"]) for rule in rules] == [("5", False), ("default", True)]
    shop.elb.modify_rule(RuleArn=made["RuleArn"], Actions=forward(shop.blue))
    [rule] = shop.elb.describe_rules(RuleArns=[made["RuleArn"]])["Rules"]
    assert rule["Actions"][0]["TargetGroupArn"] == shop.blue
    default = rules[1]["RuleArn"]
    assert refusal(shop.elb.modify_rule, RuleArn=default, Actions=forward(shop.blue))[1] == "OperationNotPermitted"


def test_target_groups_know_their_load_balancers_and_lists_have_pages(world: AwsWorld) -> None:
    shop = Shop(world)
    pages = list(shop.elb.get_paginator("describe_target_groups").paginate(PaginationConfig={"PageSize": 1}))
    found = [(len(page["TargetGroups"]), page["TargetGroups"][0]["LoadBalancerArns"]) for page in pages]
    assert found == [(1, [shop.balancer]), (1, [])]
    assert refusal(shop.elb.delete_target_group, TargetGroupArn=shop.blue)[1] == "ResourceInUse"
    shop.elb.add_tags(ResourceArns=[shop.blue], Tags=[{"Key": "colour", "Value": "blue"}])
    [described] = shop.elb.describe_tags(ResourceArns=[shop.blue])["TagDescriptions"]
    assert described["Tags"] == [{"Key": "colour", "Value": "blue"}]


GHOST = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/ghost/0123456789abcdef"
GHOST_LISTENER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/ghost/0123456789abcdef/0123"
Refused = Callable[[Client, Client], tuple[int, str, str]]
REFUSALS: dict[str, Refused] = {
    "a target group that is not there": lambda elb, _: refusal(
        elb.describe_target_groups, TargetGroupArns=[GHOST]
    ),
    "a listener that is not there": lambda elb, _: refusal(elb.describe_listeners, ListenerArns=[GHOST_LISTENER]),
    "a load balancer that is not there": lambda elb, _: refusal(elb.describe_load_balancers, Names=["ghost"]),
    "a template name that is not there": lambda _, ec2: refusal(
        ec2.describe_launch_template_versions, LaunchTemplateName="ghost"
    ),
    "template names that are not there": lambda _, ec2: refusal(
        ec2.describe_launch_templates, LaunchTemplateNames=["ghost"]
    ),
    "a template id that is not there": lambda _, ec2: refusal(
        ec2.describe_launch_template_versions, LaunchTemplateId="lt-0123456789abcdef0"
    ),
    "a template that is there already": lambda _, ec2: [
        ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": "ami-1"}),
        refusal(ec2.create_launch_template, LaunchTemplateName="web", LaunchTemplateData={"ImageId": "ami-1"}),
    ][1],
    "an instance that is not there": lambda _, ec2: refusal(
        ec2.describe_instances, InstanceIds=["i-0123456789abcdef0"]
    ),
    "an image with another kind of id": lambda _, ec2: refusal(ec2.describe_images, ImageIds=["web"]),
}


def test_what_is_refused_is_refused_with_the_status_and_code_that_moto_has(world: AwsWorld) -> None:
    ours = client(world, "elbv2"), client(world, "ec2")
    refused = {case: refuse(*ours)[:2] for case, refuse in REFUSALS.items()}
    with import_module("moto").mock_aws():
        session: Any = import_module("boto3").Session("test", "test", region_name="eu-west-1")
        theirs = session.client("elbv2"), session.client("ec2")
        assert refused == {case: refuse(*theirs)[:2] for case, refuse in REFUSALS.items()}


def test_launch_templates_have_versions_and_a_default(world: AwsWorld) -> None:
    ec2 = client(world, "ec2")
    made = ec2.create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"ImageId": "ami-1", "InstanceType": "t3.micro"}
    )["LaunchTemplate"]
    assert (made["DefaultVersionNumber"], made["LatestVersionNumber"]) == (1, 1)
    wanted = {"LaunchTemplateName": "web", "LaunchTemplateData": {"ImageId": "ami-2"}, "SourceVersion": "1"}
    first = ec2.create_launch_template_version(**wanted, ClientToken="once")["LaunchTemplateVersion"]
    again = ec2.create_launch_template_version(**wanted, ClientToken="once")["LaunchTemplateVersion"]
    assert first == again
    assert first["LaunchTemplateData"] == {"ImageId": "ami-2", "InstanceType": "t3.micro"}
    changed = {**wanted, "SourceVersion": "2"}
    assert refusal(ec2.create_launch_template_version, **changed, ClientToken="once")[1] == (
        "IdempotentParameterMismatch"
    )
    asked = {"LaunchTemplateName": "web", "Versions": ["$Latest", "$Default"]}
    versions = ec2.describe_launch_template_versions(**asked)["LaunchTemplateVersions"]
    assert [version["VersionNumber"] for version in versions] == [2, 1]
    ec2.modify_launch_template(LaunchTemplateName="web", DefaultVersion="2")
    gone = ec2.delete_launch_template_versions(LaunchTemplateName="web", Versions=["1", "2"])
    assert [item["VersionNumber"] for item in gone["SuccessfullyDeletedLaunchTemplateVersions"]] == [1]
    assert [item["VersionNumber"] for item in gone["UnsuccessfullyDeletedLaunchTemplateVersions"]] == [2]
    one = refusal(ec2.describe_launch_template_versions, LaunchTemplateName="web", Versions=["1"])
    assert one[1] == "InvalidLaunchTemplateId.VersionNotFound"


def test_images_exist_until_they_are_gone(world: AwsWorld) -> None:
    ec2 = client(world, "ec2")
    assert ec2.describe_images(ImageIds=["ami-1"])["Images"][0]["State"] == "available"
    world.ec2.images.deregister("^ami-1$")
    assert refusal(ec2.describe_images, ImageIds=["ami-1"])[1:] == (
        "InvalidAMIID.NotFound",
        "The image id '[ami-1]' does not exist",
    )
