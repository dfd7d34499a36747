"""Decisions of the ECS provider that need no platform: settings, task definitions, standings."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from providers.ecs.comparing import same
from providers.ecs.settings import differing, uncovered
from providers.ecs.standing import standing
from providers.tree import Tree

BALANCED: Tree = {"loadBalancers": [{"targetGroupArn": "arn:a"}]}
WEB: Tree = {
    "family": "web",
    "containerDefinitions": [
        {"name": "web", "image": "a:1", "environment": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]}
    ],
}


@pytest.mark.parametrize(
    ("live", "wanted", "told"),
    [
        (BALANCED, BALANCED, {}),
        ({**BALANCED, "healthCheckGracePeriodSeconds": 30}, BALANCED, {"healthCheckGracePeriodSeconds": 0}),
        ({**BALANCED, "healthCheckGracePeriodSeconds": 30}, {}, {"loadBalancers": []}),
        ({"capacityProviderStrategy": [{"base": 1}]}, {}, {"capacityProviderStrategy": []}),
        (
            {"serviceConnectConfiguration": {"enabled": True}},
            {},
            {"serviceConnectConfiguration": {"enabled": False}},
        ),
        ({"networkConfiguration": {"a": {}}}, {}, {}),
    ],
)
def test_what_is_absent_from_the_saved_settings_becomes_its_default(live: Tree, wanted: Tree, told: Tree) -> None:
    assert differing(live, wanted) == told


def test_a_manifest_is_covered_by_what_aws_adds_to_it() -> None:
    live: Tree = {
        "platformVersion": "1.4.0",
        "deploymentConfiguration": {"maximumPercent": 200, "strategy": "ROLLING"},
        "loadBalancers": [{"targetGroupArn": "arn:a", "containerPort": 80}],
    }
    assert uncovered(live, {"platformVersion": "LATEST", "deploymentConfiguration": {"maximumPercent": 200}}) == {}
    assert uncovered(live, {"platformVersion": "1.3.0"}) == {"platformVersion": "1.3.0"}
    for groups in ((), ("arn:b",), ("arn:a", "arn:b")):
        balancers: list[JsonValue] = [{"targetGroupArn": group} for group in groups]
        wanted: Tree = {"loadBalancers": balancers}
        assert uncovered(live, wanted) == wanted


def test_task_definitions_are_the_same_whatever_aws_adds_and_sorts() -> None:
    container: Tree = {
        "name": "web",
        "image": "a:1",
        "cpu": 0,
        "essential": True,
        "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "mountPoints": [],
    }
    live: Tree = {
        "family": "web",
        "revision": 7,
        "status": "ACTIVE",
        "volumes": [],
        "containerDefinitions": [container],
    }
    assert same(live, WEB)
    changes: list[Tree] = [{"image": "a:2"}, {"essential": False}, {"cpu": 256}, {"command": ["x"]}]
    for change in changes:
        assert not same({**live, "containerDefinitions": [{**container, **change}]}, WEB)
    assert not same({**live, "cpu": "256"}, WEB)


def test_the_order_of_a_command_counts() -> None:
    one: Tree = {"containerDefinitions": [{"name": "a", "command": ["x", "y"]}]}
    other: Tree = {"containerDefinitions": [{"name": "a", "command": ["y", "x"]}]}
    assert not same(one, other)


def deployed(state: str, reason: str = "", **older: str) -> Tree:
    """A service with a primary deployment `new`, and perhaps an older one."""
    newest: Tree = {"id": "new", "status": "PRIMARY", "rolloutState": state, "rolloutStateReason": reason}
    newest |= {"taskDefinition": "arn:x/web:2", "runningCount": 2}
    deployments: list[Tree] = [newest]
    if older:
        deployments.append({"id": "old", "status": "ACTIVE", "runningCount": 1, **older})
    return {
        "serviceName": "web",
        "desiredCount": 2,
        "runningCount": 2,
        "pendingCount": 0,
        "deployments": [*deployments],
    }


def test_a_deployment_is_done_when_it_is_alone_complete_and_up() -> None:
    assert standing(deployed("COMPLETED"), "new").done
    assert not standing(deployed("IN_PROGRESS"), "new").done
    assert not standing(deployed("COMPLETED", rolloutState="COMPLETED"), "new").done
    assert not standing({**deployed("COMPLETED"), "runningCount": 1}, "new").done
    found = standing(deployed("IN_PROGRESS", rolloutState="COMPLETED"), "new")
    assert (found.message, found.ready) == (
        "2 of 2 tasks of web run web:2, 1 of earlier deployments are still there",
        2,
    )


def test_what_the_service_took_back_is_a_failure_and_what_somebody_else_did_is_none() -> None:
    back = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1."
    own = deployed("IN_PROGRESS", back, rolloutState="FAILED", rolloutStateReason="tasks failed to start")
    assert standing(own, "old").failure == "tasks failed to start"
    assert "went back by itself" in str(standing(deployed("COMPLETED", back), "gone").failure)
    other = standing(deployed("IN_PROGRESS", "in progress"), "gone")
    assert (other.failure, other.replaced) == (None, True)
