"""Many requests at the same moment at three servers of one PostgreSQL, which start at the same moment too."""

from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tests.durability.crowds import ROLL_BACK, RUN, all_at_once, codes, executions
from tests.durability.fleets import Fleet, assert_rolled_back, fleet
from tests.durability.ordeals import DEPLOYED, ROLLED_BACK
from tests.durability.traps import Moment, Trap, TrappedCluster
from tests.support.postgres import PostgresServer
from tests.support.shop import NEW, OLD, Shop
from tests.support.unship import Unship

MANY = 60


@pytest.fixture(scope="module")
def servers(
    world: TrappedCluster, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Fleet]:
    """All of them start at once on an empty database, so that all of them want to make its tables."""
    with (
        postgres.fresh_database() as url,
        fleet(world, url, tmp_path_factory.mktemp("fleet"), names="") as running,
    ):
        running.add("abc")
        with ThreadPoolExecutor() as starting:
            list(starting.map(Unship.start, running.servers))
        yield running


@pytest.fixture
def shop(servers: Fleet, shop_name: str) -> Shop:
    return Shop(shop_name, servers.world)


def at_all(servers: Fleet, query: str, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return all_at_once(servers.servers[0].url, query, inputs, *(server.url for server in servers.servers[1:]))


@contextmanager
def world_held(servers: Fleet) -> Generator[None]:
    """The world answers nobody within the block, so that no execution ends before all requests are decided."""
    released = threading.Event()

    def hold() -> None:
        assert released.wait(60)

    servers.world.set(Trap(1, Moment.AFTER, hold))
    try:
        yield
    finally:
        released.set()
        servers.world.set(None)


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
    wish = {"target": {"executionId": deployment}, "idempotencyKey": "same"}
    payloads = at_all(servers, ROLL_BACK, [wish] * MANY)
    assert codes(payloads).total() == 0, codes(payloads)
    (rollback,) = set(executions(payloads))
    assert len(executions(payloads)) == MANY
    assert servers.servers[-1].finish(rollback) == "SUCCEEDED"
    assert servers.effects_since(mark, shop) == ROLLED_BACK


@pytest.mark.parametrize("key", [None, "same"])
def test_of_many_runs_one_gets_the_targets(servers: Fleet, shop: Shop, key: str | None) -> None:
    """Of one pipeline, and of another one with the same targets, which no lock on the pipeline holds back."""
    first = servers.servers[0]
    documents = shop.documents()
    assert first.apply(shop.yaml(documents)) == []
    documents[-1]["pipeline"]["identifier"] = f"{shop.name}_twin"
    assert first.apply(shop.yaml(documents)) == []
    first.deploy(shop.name, tag=OLD)
    mark = servers.effects.mark
    pipelines = [shop.name] if key else [shop.name, f"{shop.name}_twin"]
    more = {"variables": {"tag": NEW}, "idempotencyKey": key}
    wishes = [{"pipelineIdentifier": pipeline, **more} for pipeline in pipelines]
    with world_held(servers):
        payloads = at_all(servers, RUN, wishes * (MANY // len(wishes)))
    (execution,) = set(executions(payloads))
    assert codes(payloads) == ({} if key else {"TARGET_BUSY": MANY - 1})
    assert first.finish(execution) == "SUCCEEDED"
    effects = servers.effects_since(mark, shop)
    effects.pop("ReplicaSet created", None)
    assert effects == DEPLOYED
