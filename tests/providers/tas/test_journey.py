"""The example pipeline through the whole application, unchanged and with each of the other strategies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from sandbox.cloudfoundry import CloudFoundryWorld
from sandbox.cloudfoundry.identity import PASSWORD
from tests.support.unship import ROOT, Unship, serving

EXAMPLE = ROOT / "examples" / "tas.yaml"

ALL = {"type": "Percentage", "spec": {"value": 100}}
HALF = {"type": "Percentage", "spec": {"value": 50}}
STRATEGIES: dict[str, tuple[list[tuple[str, dict[str, Any]]], str]] = {
    "blue_green": (
        [
            ("BGAppSetup", {"tempRoutes": ["bg-temp.apps.example.com"]}),
            ("SwapRoutes", {"downSizeOldApplication": True}),
        ],
        "SwapRollback",
    ),
    "canary": (
        [
            ("CanaryAppSetup", {}),
            ("AppResize", {"newAppInstances": HALF}),
            ("AppResize", {"newAppInstances": ALL}),
        ],
        "AppRollback",
    ),
    "basic": (
        [
            ("BasicAppSetup", {"tasInstanceCountType": "MatchRunningInstances"}),
            ("AppResize", {"newAppInstances": ALL}),
            ("SwapRoutes", {"downSizeOldApplication": True}),
        ],
        "AppRollback",
    ),
}


@pytest.fixture(scope="module")
def world() -> Iterator[CloudFoundryWorld]:
    with CloudFoundryWorld.start(tick=0.01) as world:
        yield world


@pytest.fixture(scope="module")
def unship(world: CloudFoundryWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unship]:
    directory = tmp_path_factory.mktemp("unship")
    connectors = directory / "connectors.yaml"
    connectors.write_text(yaml.safe_dump({"connectors": world.connectors(directory)}))
    with serving(directory, connectors=str(connectors)) as unship:
        yield unship


def test_the_example_is_deployed_and_rolled_back_unchanged(unship: Unship, world: CloudFoundryWorld) -> None:
    assert unship.apply(EXAMPLE.read_text()) == []
    _deployed_twice_and_rolled_back(unship, world, "mailer")


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_the_example_with_another_strategy(unship: Unship, world: CloudFoundryWorld, strategy: str) -> None:
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(EXAMPLE.read_text().replace("mailer", strategy)))
    forward, backward = STRATEGIES[strategy]
    documents[-1]["pipeline"]["stages"][0]["stage"]["spec"]["execution"] = {
        "steps": [_step(f"step{number}", kind, spec) for number, (kind, spec) in enumerate(forward)],
        "rollbackSteps": [_step("rollback", backward, {})],
    }
    assert unship.apply(yaml.safe_dump_all(documents)) == []
    _deployed_twice_and_rolled_back(unship, world, strategy)


def test_an_app_of_more_than_two_gigabytes_is_shown(unship: Unship) -> None:
    """Such a number of bytes is no GraphQL Int."""
    text = EXAMPLE.read_text().replace("mailer", "large").replace("memory: 256M", "memory: 4G")
    assert unship.apply(text) == []
    unship.deploy("large", tag="1.0")
    found = unship.data(
        'query { instances(first: 5, filter: {serviceIdentifier: "large"}) { nodes { details { '
        "... on TASInstanceDetails { memoryQuotaBytes } } } } }"
    )["instances"]["nodes"]
    assert found == [{"details": {"memoryQuotaBytes": 4 << 30}}] * 2


def test_a_step_with_an_unknown_key_is_refused_with_the_nearest_one(unship: Unship) -> None:
    text = EXAMPLE.read_text().replace("type: TasRollingDeploy, timeout: 10m, spec: {}", "%s") % (
        "type: BGAppSetup, timeout: 10m, spec: {tempRoute: [a.example.com]}"
    )
    errors = unship.apply(text)
    assert "tempRoutes" in errors[0]["message"]


def _deployed_twice_and_rolled_back(unship: Unship, world: CloudFoundryWorld, name: str) -> None:
    unship.deploy(name, tag="1.0")
    deployment = unship.deploy(name, tag="2.0")
    assert _running(world, name) == ["2.0", "2.0"]
    rollback = unship.rolled_back(deployment)
    told = unship.execution(rollback)
    assert told["status"] == "SUCCEEDED", told
    assert _running(world, name) == ["1.0", "1.0"]
    (step,) = told["stages"][0]["steps"]
    assert step["outputs"]["restoredImage"] == f"shop/{name}:1.0"
    assert PASSWORD not in unship.log


def _running(world: CloudFoundryWorld, name: str) -> list[str]:
    return [image.rpartition(":")[2] for image in world.running() if image.startswith(f"shop/{name}:")]


def _step(identifier: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"step": {"identifier": identifier, "name": identifier, "type": kind, "timeout": "2m", "spec": spec}}
