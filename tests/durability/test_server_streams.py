"""What one server carries is followed, continued and aborted at another one, over restarts of both in turn."""

from __future__ import annotations

import signal
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pipelines import follow
from tests.durability.fleets import Fleet, assert_rolled_back, begun, send
from tests.durability.ordeals import ROLLED_BACK
from tests.durability.test_streams import over_a_socket, over_events, read
from tests.durability.traps import Moment, Trap, TrappedCluster, trapped_world
from tests.support.shop import NEW, Shop

# Rollouts that last until a server is there again.
_TICK = 0.1


@pytest.fixture(scope="module")
def world() -> Generator[TrappedCluster]:
    with trapped_world(_TICK) as running:
        yield running


def lingering(servers: Fleet, name: str) -> str:
    """An execution that the first server carries and that waits for an hour."""
    first = servers.servers[0]
    shop = Shop(name, servers.world)
    documents = shop.documents()
    for stage in documents[-1]["pipeline"]["stages"]:
        wait = {"identifier": "linger", "name": "Linger", "type": "Wait", "spec": {"duration": "1h"}}
        stage["stage"]["spec"]["execution"]["steps"] = [{"step": wait}]
    assert first.apply(shop.yaml(documents)) == []
    return first.run(shop.name, tag=NEW)


def test_an_abort_at_one_server_stops_what_another_one_carries_without_a_poll(servers: Fleet) -> None:
    """Three times, since a poll may come at the right moment once: the abort goes over, and its end comes back."""
    second = servers.servers[1]
    for number in range(3):
        execution = lingering(servers, f"abort_{number}")
        with second.progress(execution) as batches:
            next(batch for batch in batches if _is_begun(batch))
            asked = time.monotonic()
            assert second.abort(execution)["userErrors"] == []
            assert [batch["execution"]["status"] for batch in batches][-1] == "ABORTED"
            assert time.monotonic() - asked < follow.POLL_SECONDS / 2


def _is_begun(batch: dict[str, Any]) -> bool:
    return any(event.get("stepStatus") == "RUNNING" for event in batch["events"])


def test_progress_is_followed_at_one_server_and_continued_at_another(servers: Fleet) -> None:
    first, second = servers.servers
    shop = Shop("moves", servers.world)
    rollback = begun(first, servers.deployed(shop))
    with second.progress(rollback) as batches:
        seen = next(batch for batch in batches if batch["events"][-1]["sequence"] >= 6)
    last = seen["events"][-1]["sequence"]
    with first.progress(rollback, after=seen["cursor"]) as batches:
        rest = [event["sequence"] for batch in batches for event in batch["events"]]
    assert rest == list(range(last + 1, rest[-1] + 1))
    assert_rolled_back(second, shop, rollback)


def test_servers_restart_in_turn_while_an_execution_runs(servers: Fleet) -> None:
    first, second = servers.servers
    shop = Shop("rolling", servers.world)
    deployment, mark = servers.deployed(shop), servers.effects.mark
    rollback = begun(first, deployment)
    with ThreadPoolExecutor(4) as followers:
        found = [
            followers.submit(read, server, rollback, how)
            for server in servers.servers
            for how in (over_events, over_a_socket)
        ]
        for server in (first, second):
            trap = Trap(1, Moment.AFTER, lambda server=server: send(server, signal.SIGTERM))
            servers.world.set(trap)
            assert trap.sprung.wait(20)
            assert server.process is not None
            assert server.process.wait(timeout=10) == 0
            server.start()
        read_by_each = [future.result()[0] for future in found]
    everything = [event["sequence"] for event in second.events(rollback)]
    assert read_by_each == [everything] * 4
    assert_rolled_back(first, shop, rollback)
    assert servers.effects_since(mark, shop) == ROLLED_BACK
    for server in servers.servers:
        assert "Traceback" not in server.log
