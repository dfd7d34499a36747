"""examples/shop.yaml as it is: one pipeline over five platforms, deployed twice and rolled back with one mutation.

The oracle is what the three worlds were asked: nothing beyond the plan changes anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.children import apply_files
from demo.journeys import ALL_PLATFORMS
from sandbox.__main__ import write_connectors
from sandbox.aws import AwsWorld
from sandbox.cloudfoundry import CloudFoundryWorld
from sandbox.core.requests import RequestRecord
from sandbox.core.world import World
from sandbox.kubernetes import KubernetesWorld
from tests.support.unship import Unship, serving
from tests.vendor_clients import HELM_4, ensure, unsupported

BLOCKS = [{"mailer"}, {"search"}, {"catalog", "payments"}, {"web"}]

# What each world may be asked to change while the plan is carried out: the targets of its stages, and our records.
PLANNED = {
    "kubernetes": re.compile(r"/namespaces/(prod|catalog)(/|$)|selfsubject|dryRun=All"),
    "aws": re.compile(
        r"ecs:(UpdateService|TagResource|UntagResource)|autoscaling:(UpdateAutoScalingGroup|StartInstanceRefresh|"
        r"CreateOrUpdateTags|SuspendProcesses|ResumeProcesses)|"
        r"application-autoscaling:|ec2:CreateTags"
    ),
    "cloudfoundry": re.compile(r"POST /v3/deployments|(PATCH|POST) /v3/(apps|processes|deployments|routes)/"),
}


@dataclass(frozen=True)
class Shop:
    """The server, the worlds by name, and where their connectors file is."""

    unship: Unship
    worlds: dict[str, World]
    directory: Path

    def writes(self, marks: dict[str, int]) -> dict[str, list[RequestRecord]]:
        return {name: world.requests.writes(marks[name]) for name, world in self.worlds.items()}

    def marks(self) -> dict[str, int]:
        return {name: world.requests.mark for name, world in self.worlds.items()}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    reason = unsupported()
    if reason is not None:
        pytest.skip(reason)
    directory = tmp_path_factory.mktemp("shop")
    programs = directory / "bin"
    programs.mkdir()
    (programs / "helm").symlink_to(ensure(HELM_4))
    with (
        KubernetesWorld.start(tick=0.02) as cluster,
        AwsWorld.start(tick=0.02) as region,
        CloudFoundryWorld.start(tick=0.02) as foundation,
    ):
        write_connectors([cluster, region, foundation], directory)
        text = (directory / "connectors.yaml").read_text()
        own = f"context: demo\n    helm: {programs / 'helm'}"
        (directory / "connectors.yaml").write_text(text.replace("context: demo", own))
        worlds: dict[str, World] = {"kubernetes": cluster, "aws": region, "cloudfoundry": foundation}
        with serving(directory, connectors=str(directory / "connectors.yaml")) as unship:
            files = [f"examples/{name}" for name in ALL_PLATFORMS.files]
            apply_files(directory / "data", directory / "connectors.yaml", files)
            yield Shop(unship, worlds, directory)


@pytest.fixture(scope="module")
def deployment(shop: Shop) -> str:
    shop.unship.deploy("shop", **ALL_PLATFORMS.before)
    return shop.unship.deploy("shop", **ALL_PLATFORMS.after)


def test_the_plan_goes_back_over_all_platforms_in_reverse_and_reading_it_changes_nothing(
    shop: Shop, deployment: str
) -> None:
    marks = shop.marks()
    plan = shop.unship.plan(executionId=deployment)
    assert plan["eligibility"]["verdict"] == "ELIGIBLE"
    order = [(stage["position"], stage["stage"]["identifier"]) for stage in plan["stages"]]
    assert [{name for at, name in order if at == position} for position in range(4)] == BLOCKS
    assert all(stage["changes"] for stage in plan["stages"])
    changing = {name: [one.operation for one in writes] for name, writes in shop.writes(marks).items()}
    assert all(re.search("selfsubject|dryRun=All", one) for one in changing.pop("kubernetes"))
    assert changing == {"aws": [], "cloudfoundry": []}


def test_one_mutation_brings_all_of_it_back_and_changes_nothing_else(shop: Shop, deployment: str) -> None:
    marks = shop.marks()
    rollback = shop.unship.execution(shop.unship.rolled_back(deployment))
    assert rollback["status"] == "SUCCEEDED"
    assert {stage["status"] for stage in rollback["stages"]} == {"SUCCEEDED"}
    for proof in ALL_PLATFORMS.proofs:
        assert proof.ask(shop.directory) == proof.wanted(ALL_PLATFORMS.before), proof.platform
    beyond = [
        (name, one.operation)
        for name, writes in shop.writes(marks).items()
        for one in writes
        if not PLANNED[name].search(one.operation)
    ]
    assert beyond == []
    assert all(shop.writes(marks).values()), "every world was asked to change something"


def test_a_second_click_is_refused_and_changes_nothing(shop: Shop, deployment: str) -> None:
    marks = shop.marks()
    payload = shop.unship.roll_back(target={"executionId": deployment})
    assert payload["execution"] is None
    assert {error["code"] for error in payload["userErrors"]} == {"ALREADY_ROLLED_BACK"}
    assert {name: writes for name, writes in shop.writes(marks).items() if writes} == {}
