"""Many requests at the same moment at four servers of one PostgreSQL, which start at the same moment too."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.durability.crowds import MANY, ROLL_BACK, RUN, all_at_once, codes, executions
from tests.durability.fleets import Fleet, assert_rolled_back, fleet
from tests.durability.ordeals import DEPLOYED, ROLLED_BACK
from tests.durability.traps import TrappedCluster, held
from tests.support.postgres import PostgresServer
from tests.support.shop import NEW, OLD, Shop
from tests.support.unship import Unship

pytestmark = pytest.mark.usefixtures("each_round")


@pytest.fixture(scope="module")
def servers(
    world: TrappedCluster, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Fleet]:
    """All of them start at once on an empty database, so that all of them want to make its tables."""
    with (
        postgres.fresh_database() as url,
        fleet(world, url, tmp_path_factory.mktemp("fleet"), names="") as running,
    ):
        running.add("abcd")
        with ThreadPoolExecutor() as starting:
            list(starting.map(Unship.start, running.servers))
        yield running


@pytest.fixture
def shop(servers: Fleet, shop_name: str) -> Shop:
    return Shop(shop_name, servers.world)


def at_all(servers: Fleet, query: str, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return all_at_once(servers.servers[0].url, query, inputs, *(server.url for server in servers.servers[1:]))


def test_of_many_clicks_on_one_execution_one_rolls_it_back(servers: Fleet, shop: Shop) -> None:
    deployment, mark = servers.deployed(shop), servers.effects.mark
    payloads = at_all(servers, ROLL_BACK, [{"target": {"executionId": deployment}}] * MANY)
    (rollback,) = executions(payloads)
    refusals = codes(payloads)
    # The last one: a click that a busy machine handles only when the rollback has ended.
    assert refusals.keys() <= {"ROLLBACK_IN_PROGRESS", "TARGET_BUSY", "ALREADY_ROLLED_BACK"}
    assert refusals.total() == MANY - 1
    for server in servers.servers:
        assert server.finish(rollback) == "SUCCEEDED"
        assert [made["id"] for made in server.execution(deployment)["rollbacks"]] == [rollback]
        assert_rolled_back(server, shop, rollback)
    assert servers.effects_since(mark, shop) == ROLLED_BACK


def test_clicks_with_one_key_get_one_answer_wherever_they_arrive(servers: Fleet, shop: Shop) -> None:
    deployment, mark = servers.deployed(shop), servers.effects.mark
    wish = {"target": {"executionId": deployment}, "idempotencyKey": shop.name}
    payloads = at_all(servers, ROLL_BACK, [wish] * MANY)
    assert codes(payloads).total() == 0, codes(payloads)
    (rollback,) = set(executions(payloads))
    assert len(executions(payloads)) == MANY
    assert servers.servers[-1].finish(rollback) == "SUCCEEDED"
    assert servers.effects_since(mark, shop) == ROLLED_BACK


@pytest.mark.parametrize("one_key", [False, True])
def test_of_many_runs_one_gets_the_targets(servers: Fleet, shop: Shop, one_key: bool) -> None:
    """Of one pipeline, and of another one with the same targets, which no lock on the pipeline holds back."""
    first = servers.servers[0]
    documents = shop.documents()
    assert first.apply(shop.yaml(documents)) == []
    documents[-1]["pipeline"]["identifier"] = f"{shop.name}_twin"
    assert first.apply(shop.yaml(documents)) == []
    first.deploy(shop.name, tag=OLD)
    mark = servers.effects.mark
    pipelines = [shop.name] if one_key else [shop.name, f"{shop.name}_twin"]
    more = {"variables": {"tag": NEW}, "idempotencyKey": shop.name if one_key else None}
    wishes = [{"pipelineIdentifier": pipeline, **more} for pipeline in pipelines]
    # No execution ends before all requests are decided.
    with held(servers.world):
        payloads = at_all(servers, RUN, wishes * (MANY // len(wishes)))
    (execution,) = set(executions(payloads))
    assert codes(payloads) == ({} if one_key else {"TARGET_BUSY": MANY - 1})
    assert first.finish(execution) == "SUCCEEDED"
    effects = servers.effects_since(mark, shop)
    effects.pop("ReplicaSet created", None)
    assert effects == DEPLOYED
