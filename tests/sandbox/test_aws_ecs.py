"""Elastic Container Service of the AWS world, asked by botocore's own client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.aws import AwsWorld
from sandbox.aws.ecs import ImageFate
from tests.sandbox.aws_clients import Client, client, refusal

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}


@pytest.fixture
def world() -> Iterator[AwsWorld]:
    with AwsWorld.start(tick=0.005) as world:
        world.clock.pause()
        yield world


@pytest.fixture
def ecs(world: AwsWorld) -> Client:
    return client(world, "ecs")


def register(ecs: Client, tag: str, **further: Any) -> str:
    """A new revision of the family `web`; its ARN."""
    answer = ecs.register_task_definition(
        family="web",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[
            {"name": "web", "image": f"shop/web:{tag}", "portMappings": [{"containerPort": 80}], **further}
        ],
        tags=[{"key": "by", "value": "test"}],
    )
    return answer["taskDefinition"]["taskDefinitionArn"]


def create(ecs: Client, definition: str, **further: Any) -> dict[str, Any]:
    return ecs.create_service(
        cluster="shop",
        serviceName="web",
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration=NETWORK,
        **{"desiredCount": 3, **further},
    )["service"]


def describe(ecs: Client) -> dict[str, Any]:
    return ecs.describe_services(cluster="shop", services=["web"], include=["TAGS"])["services"][0]


def tasks(ecs: Client, status: str = "RUNNING") -> list[dict[str, Any]]:
    arns = ecs.list_tasks(cluster="shop", serviceName="web", desiredStatus=status)["taskArns"]
    return ecs.describe_tasks(cluster="shop", tasks=arns)["tasks"] if arns else []


def test_a_revision_is_described_with_what_aws_adds(ecs: Client) -> None:
    arn = register(ecs, "1", environment=[{"name": "A", "value": "b"}])
    found = ecs.describe_task_definition(taskDefinition="web", include=["TAGS"])
    definition = found["taskDefinition"]
    assert definition["taskDefinitionArn"] == arn
    assert (definition["revision"], definition["status"]) == (1, "ACTIVE")
    container = definition["containerDefinitions"][0]
    assert container["portMappings"] == [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}]
    assert (container["cpu"], container["essential"], container["mountPoints"]) == (0, True, [])
    assert found["tags"] == [{"key": "by", "value": "test"}]
    assert "tags" not in ecs.describe_task_definition(taskDefinition="web:1")


def test_revisions_count_up_and_an_inactive_one_is_not_used(ecs: Client) -> None:
    first, second = register(ecs, "1"), register(ecs, "2")
    assert ecs.list_task_definitions(familyPrefix="web", sort="DESC")["taskDefinitionArns"] == [second, first]
    assert ecs.deregister_task_definition(taskDefinition=second)["taskDefinition"]["status"] == "INACTIVE"
    assert ecs.describe_task_definition(taskDefinition="web")["taskDefinition"]["taskDefinitionArn"] == first
    assert ecs.describe_task_definition(taskDefinition=second)["taskDefinition"]["status"] == "INACTIVE"
    assert register(ecs, "3").endswith(":3")
    assert refusal(create, ecs=ecs, definition=second) == (400, "ClientException", "TaskDefinition is inactive")
    assert refusal(create, ecs=ecs, definition="web:9")[1:] == ("ClientException", "TaskDefinition not found.")
    unknown = refusal(ecs.describe_task_definition, taskDefinition="other")
    assert unknown == (400, "ClientException", "Unable to describe task definition.")


def test_a_service_gets_up_and_says_so(world: AwsWorld, ecs: Client) -> None:
    created = create(ecs, register(ecs, "1"), tags=[{"key": "a", "value": "b"}])
    assert created["status"] == "ACTIVE"
    assert created["deployments"][0]["status"] == "PRIMARY"
    assert created["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert (created["runningCount"], created["desiredCount"]) == (0, 3)
    world.clock.advance(6)
    found = describe(ecs)
    primary = found["deployments"][0]
    assert (found["runningCount"], found["pendingCount"]) == (3, 0)
    assert primary["rolloutState"] == "COMPLETED"
    assert primary["rolloutStateReason"] == f"ECS deployment {primary['id']} completed."
    assert found["events"][0]["message"] == "(service web) has reached a steady state."
    assert found["tags"] == [{"key": "a", "value": "b"}]
    for task in tasks(ecs):
        assert task["lastStatus"] == "RUNNING"
        assert task["startedBy"] == primary["id"]
        assert task["group"] == "service:web"
        assert task["containers"][0]["imageDigest"] == world.containers.images.digest("shop/web:1")


def test_an_update_replaces_tasks_within_the_percentages(world: AwsWorld, ecs: Client) -> None:
    limits = {"maximumPercent": 150, "minimumHealthyPercent": 100}
    create(ecs, register(ecs, "1"), desiredCount=4, deploymentConfiguration=limits)
    world.clock.advance(6)
    updated = ecs.update_service(cluster="shop", service="web", taskDefinition=register(ecs, "2"))["service"]
    assert [item["status"] for item in updated["deployments"]] == ["PRIMARY", "ACTIVE"]
    seen: list[tuple[int, int]] = []
    while describe(ecs)["deployments"][0]["rolloutState"] == "IN_PROGRESS":
        world.clock.advance()
        alive = tasks(ecs)
        seen.append((sum(task["lastStatus"] == "RUNNING" for task in alive), len(alive)))
        assert len(seen) < 60
    assert min(running for running, _ in seen) == 4
    assert max(count for _, count in seen) == 6
    assert {task["containers"][0]["image"] for task in tasks(ecs)} == {"shop/web:2"}
    assert len(describe(ecs)["deployments"]) == 1


def test_an_update_that_changes_nothing_makes_no_deployment_and_a_forced_one_does(
    world: AwsWorld, ecs: Client
) -> None:
    definition = register(ecs, "1")
    before = create(ecs, definition)["deployments"][0]["id"]
    world.clock.advance(6)
    ecs.update_service(cluster="shop", service="web", taskDefinition=definition, desiredCount=5)
    assert [item["id"] for item in describe(ecs)["deployments"]] == [before]
    world.clock.advance(6)
    assert describe(ecs)["runningCount"] == 5
    ecs.update_service(cluster="shop", service="web", forceNewDeployment=True)
    assert describe(ecs)["deployments"][0]["id"] != before


def test_a_bad_image_is_told_by_its_tasks(world: AwsWorld, ecs: Client) -> None:
    world.containers.images.bad(":broken$")
    create(ecs, register(ecs, "broken"))
    world.clock.advance(4)
    reason = tasks(ecs, "STOPPED")[0]["stoppedReason"]
    assert reason.startswith("CannotPullContainerError: pull image manifest has been retried")
    assert "shop/web:broken: not found" in reason
    assert describe(ecs)["deployments"][0]["failedTasks"] == 3
    world.clock.advance(30)
    assert describe(ecs)["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert describe(ecs)["runningCount"] == 0


@pytest.mark.parametrize("fate", [ImageFate.BAD, ImageFate.CRASH])
def test_the_circuit_breaker_goes_back_to_the_last_completed_deployment(
    world: AwsWorld, ecs: Client, fate: ImageFate
) -> None:
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    good = create(ecs, register(ecs, "1"), deploymentConfiguration=breaker)["deployments"][0]["id"]
    world.clock.advance(6)
    world.containers.images.rule(":broken$", fate)
    failing = ecs.update_service(cluster="shop", service="web", taskDefinition=register(ecs, "broken"))
    failed = failing["service"]["deployments"][0]["id"]
    world.clock.advance(6)
    found = describe(ecs)
    primary, older = found["deployments"][0], {item["id"]: item for item in found["deployments"]}
    assert primary["taskDefinition"].endswith("web:1")
    assert primary["id"] not in (good, failed)
    assert primary["rolloutStateReason"] == (
        f"ECS deployment circuit breaker: rolling back to deploymentId {good}."
    )
    assert older[failed]["rolloutState"] == "FAILED"
    assert older[failed]["rolloutStateReason"] == "ECS deployment circuit breaker: tasks failed to start."
    world.clock.advance(10)
    record = ecs.list_service_deployments(cluster="shop", service="web")["serviceDeployments"][0]
    assert record["status"] == "ROLLBACK_SUCCESSFUL"
    assert describe(ecs)["deployments"][0]["rolloutState"] == "COMPLETED"
    assert {task["containers"][0]["image"] for task in tasks(ecs)} == {"shop/web:1"}


def test_service_deployments_and_revisions_tell_what_was(world: AwsWorld, ecs: Client) -> None:
    create(ecs, register(ecs, "1"))
    world.clock.advance(6)
    ecs.update_service(cluster="shop", service="web", taskDefinition=register(ecs, "2"))
    listed = ecs.list_service_deployments(cluster="shop", service="web")["serviceDeployments"]
    assert [item["status"] for item in listed] == ["IN_PROGRESS", "SUCCESSFUL"]
    arn = listed[0]["serviceDeploymentArn"]
    assert describe(ecs)["currentServiceDeployment"] == arn
    record = ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]
    source = record["sourceServiceRevisions"][0]["arn"]
    revision = ecs.describe_service_revisions(serviceRevisionArns=[source])["serviceRevisions"][0]
    assert revision["taskDefinition"].endswith("web:1")
    assert revision["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == ["subnet-1"]
    ecs.stop_service_deployment(serviceDeploymentArn=arn)
    world.clock.advance(12)
    assert describe(ecs)["taskDefinition"].endswith("web:1")
    assert refusal(ecs.stop_service_deployment, serviceDeploymentArn=arn)[1] == "ConflictException"


def test_a_repeated_creation_needs_its_token(ecs: Client) -> None:
    definition = register(ecs, "1")
    first = create(ecs, definition, clientToken="token-1")
    assert create(ecs, definition, clientToken="token-1")["serviceArn"] == first["serviceArn"]
    code, message = refusal(create, ecs=ecs, definition=definition, clientToken="other")[1:]
    assert (code, message) == ("InvalidParameterException", "Creation of service was not idempotent.")


def test_a_deleted_service_drains_and_is_inactive(world: AwsWorld, ecs: Client) -> None:
    definition = register(ecs, "1")
    create(ecs, definition)
    world.clock.advance(6)
    assert refusal(ecs.delete_service, cluster="shop", service="web")[1:] == (
        "InvalidParameterException",
        "The service cannot be stopped while it is scaled above 0.",
    )
    ecs.delete_service(cluster="shop", service="web", force=True)
    assert describe(ecs)["status"] == "DRAINING"
    again = refusal(create, ecs=ecs, definition=definition)
    assert again[2] == "Unable to Start a service that is still Draining."
    world.clock.advance(5)
    assert (describe(ecs)["status"], describe(ecs)["runningCount"]) == ("INACTIVE", 0)
    refused = refusal(ecs.update_service, cluster="shop", service="web", desiredCount=1)
    assert refused[1:] == ("ServiceNotActiveException", "Service was not ACTIVE.")
    assert create(ecs, definition)["status"] == "ACTIVE"


def test_what_does_not_exist_is_named(ecs: Client) -> None:
    missing = ecs.describe_services(cluster="shop", services=["web", "api"])
    assert missing["services"] == []
    assert [item["reason"] for item in missing["failures"]] == ["MISSING", "MISSING"]
    assert refusal(ecs.update_service, cluster="shop", service="web")[1] == "ServiceNotFoundException"
    assert refusal(ecs.list_services, cluster="none")[1:] == ("ClusterNotFoundException", "Cluster not found.")


def test_tags_are_added_changed_and_removed(ecs: Client) -> None:
    arn = create(ecs, register(ecs, "1"))["serviceArn"]
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "1"}])
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "2"}])
    ecs.untag_resource(resourceArn=arn, tagKeys=["b"])
    assert ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "2"}]


def test_tasks_take_part_in_target_groups(world: AwsWorld, ecs: Client) -> None:
    elb = client(world, "elbv2")
    group = elb.create_target_group(Name="web", Port=80, Protocol="HTTP", VpcId="vpc-1", TargetType="ip")
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    balancer = {"targetGroupArn": arn, "containerName": "web", "containerPort": 80}
    create(ecs, register(ecs, "1"), loadBalancers=[balancer])
    world.clock.advance(8)
    targets = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    addresses = {task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for task in tasks(ecs)}
    assert {item["Target"]["Id"] for item in targets} == addresses
    assert describe(ecs)["deployments"][0]["rolloutState"] == "COMPLETED"
    ecs.update_service(cluster="shop", service="web", desiredCount=0)
    world.clock.advance(8)
    assert elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"] == []
    unknown = {**balancer, "targetGroupArn": arn + "0"}
    ecs.delete_service(cluster="shop", service="web")
    world.clock.advance()
    assert "does not exist" in refusal(create, ecs=ecs, definition="web", loadBalancers=[unknown])[2]
