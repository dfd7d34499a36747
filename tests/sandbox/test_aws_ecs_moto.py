"""The AWS world against moto, for what moto has of ECS: the same requests, and what both answer is the same."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from sandbox.aws import AwsWorld
from tests.sandbox.aws_clients import Client, client, refusal

FAMILY: dict[str, Any] = {
    "family": "web",
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [{"name": "web", "image": "shop/web:1", "portMappings": [{"containerPort": 80}]}],
}
SERVICE: dict[str, Any] = {
    "cluster": "shop",
    "serviceName": "web",
    "taskDefinition": "web",
    "desiredCount": 2,
    "launchType": "EC2",
}


def story(ecs: Client) -> dict[str, Any]:
    """What a client sees that does everything which both have."""
    ecs.create_cluster(clusterName="shop")
    first = ecs.register_task_definition(**FAMILY)["taskDefinition"]
    second = ecs.register_task_definition(**FAMILY)["taskDefinition"]
    created = ecs.create_service(**SERVICE)["service"]
    updated = ecs.update_service(cluster="shop", service="web", taskDefinition="web:1", desiredCount=1)["service"]
    missing = ecs.describe_services(cluster="shop", services=["other"])
    ecs.deregister_task_definition(taskDefinition="web:2")
    return {
        "revisions": [first["revision"], second["revision"]],
        "status": first["status"],
        "container": {key: first["containerDefinitions"][0][key] for key in ("name", "image", "cpu", "essential")},
        "arns": [item["taskDefinitionArn"].partition("task-definition/")[2] for item in (first, second)],
        "created": {key: created[key] for key in ("serviceName", "status", "desiredCount", "schedulingStrategy")},
        "deployment": created["deployments"][0]["status"],
        "definition": created["taskDefinition"].rpartition("/")[2],
        "updated": [updated["desiredCount"], updated["taskDefinition"].rpartition("/")[2]],
        "missing": [item["reason"] for item in missing["failures"]],
        "active": [arn.rpartition("/")[2] for arn in ecs.list_task_definitions()["taskDefinitionArns"]],
        "unknown": refusal(ecs.describe_task_definition, taskDefinition="none")[1],
        "no cluster": refusal(ecs.list_services, cluster="none")[1],
        "no service": refusal(ecs.update_service, cluster="shop", service="none")[1],
    }


def test_the_world_answers_as_moto_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with AwsWorld.start(tick=0.005) as world:
        ours = story(client(world, "ecs"))
    mocked: Any = import_module("moto").mock_aws
    with mocked():
        session: Any = import_module("botocore.session").Session()
        theirs = story(session.create_client("ecs", region_name="eu-west-1"))
    assert ours == theirs
