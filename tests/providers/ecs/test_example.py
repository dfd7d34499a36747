"""The example file, and its service in two colours, through the whole of Unship: apply, run, look, roll back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sandbox.core.wire import encode
from tests.providers.ecs.bluegreen import BlueGreenPlatform
from tests.providers.ecs.platform import EcsPlatform
from tests.support.unship import ROOT, Unship, serving

EXAMPLE = (ROOT / "examples" / "ecs.yaml").read_text(encoding="utf-8")
BALANCER = "loadBalancers: [{targetGroupArn: <+targetGroupArn>, containerName: payments, containerPort: 8080}]"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[BlueGreenPlatform]:
    with BlueGreenPlatform(tmp_path / "world") as made:
        yield made


@pytest.fixture
def unship(shop: EcsPlatform, tmp_path: Path) -> Iterator[Unship]:
    """An installation that is connected to the world."""
    file = tmp_path / "connectors.yaml"
    file.write_bytes(encode({"connectors": shop.world.connectors(tmp_path)}))
    (tmp_path / "unship").mkdir()
    with serving(tmp_path / "unship", connectors=str(file)) as unship:
        yield unship


def in_colours(shop: BlueGreenPlatform) -> str:
    """The example with a load balancer and the steps of blue/green."""
    documents = list(yaml.safe_load_all(EXAMPLE))
    served = documents[1]["service"]["serviceDefinition"]["spec"]["manifests"][1]["manifest"]["spec"]["store"]
    served["spec"]["content"] += BALANCER + "\n"
    routes = {
        "loadBalancer": shop.balancer,
        "prodListener": shop.listeners[0],
        "prodListenerRuleArn": shop.rule,
        "stageListener": shop.listeners[1],
    }
    steps: list[tuple[str, dict[str, str]]] = [
        ("EcsBlueGreenCreateService", routes),
        ("EcsBlueGreenSwapTargetGroups", {}),
    ]
    execution = documents[3]["pipeline"]["stages"][0]["stage"]["spec"]["execution"]
    execution["steps"] = [
        {"step": {"identifier": kind.lower(), "name": kind, "type": kind, "timeout": "2m", "spec": spec}}
        for kind, spec in steps
    ]
    back: dict[str, object] = {"identifier": "back", "name": "Back", "type": "EcsBlueGreenRollback", "spec": {}}
    execution["rollbackSteps"] = [{"step": back}]
    return yaml.safe_dump_all(documents)


def deployed_and_rolled_back(unship: Unship, shop: BlueGreenPlatform, configuration: str) -> None:
    assert unship.apply(configuration) == []
    unship.deploy("payments", tag="1.0")
    second = unship.deploy("payments", tag="2.0")
    assert set(shop.running()) == {"2.0"}
    assert unship.eligibility(executionId=second)["verdict"] == "ELIGIBLE", unship.eligibility(executionId=second)
    stage = unship.plan(executionId=second)["stages"][0]
    assert stage["targetArtifact"]["displayName"] == "shop/payments:1.0"
    assert any("payments:1 (shop/payments:1.0)" in (item["target"] or "") for item in stage["changes"])
    rollback = unship.execution(unship.rolled_back(second))
    assert (rollback["status"], shop.running()) == ("SUCCEEDED", ["1.0"] * 3), rollback


def test_the_example_runs_unchanged_and_goes_back(unship: Unship, shop: BlueGreenPlatform) -> None:
    deployed_and_rolled_back(unship, shop, EXAMPLE)


def test_two_colours_take_their_target_group_from_the_platform(unship: Unship, shop: BlueGreenPlatform) -> None:
    deployed_and_rolled_back(unship, shop, in_colours(shop))
    assert shop.serving() == "payments__1"
