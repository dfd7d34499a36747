"""Several servers on one PostgreSQL: what one of them was doing goes on at another one, with every effect once."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Generator

import pytest

from tests.durability.fleets import LEASE_SECONDS, Fleet, assert_rolled_back, begun, fleet, send
from tests.durability.ordeals import ROLLED_BACK
from tests.durability.traps import Moment, Trap, TrappedCluster
from tests.support.postgres import PostgresServer
from tests.support.shop import Shop

_PATIENCE_SECONDS = 30.0
# The request that gives a workload its old version back; each stage sends one.
_CHANGE = r"^PATCH .*/deployments/web\?(?!.*dryRun)"


@pytest.fixture(scope="module")
def running(
    world: TrappedCluster, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Fleet]:
    with (
        postgres.fresh_database() as url,
        fleet(world, url, tmp_path_factory.mktemp("fleet")) as servers,
    ):
        yield servers


@pytest.fixture
def servers(running: Fleet) -> Fleet:
    """All of them up."""
    running.world.set(None)
    running.start()
    return running


@pytest.fixture
def shop(servers: Fleet, request: pytest.FixtureRequest) -> Shop:
    name = re.sub(r"[^a-z0-9]+", "_", request.node.name.lower()).strip("_")[-40:].strip("_")
    return Shop(name, servers.world)


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
def test_what_a_killed_server_carried_goes_on_elsewhere(servers: Fleet, shop: Shop, moment: Moment) -> None:
    first, second = servers.servers
    deployment, mark = servers.deployed(shop), servers.effects.mark
    trap = Trap(1, moment, lambda: send(first, signal.SIGKILL), _CHANGE)
    servers.world.set(trap)
    rollback = begun(first, deployment)
    former = servers.carrier(deployment)
    assert trap.sprung.wait(_PATIENCE_SECONDS)
    killed = time.monotonic()
    took = servers.goes_on_elsewhere(rollback, former, within=LEASE_SECONDS + 10) - killed
    assert LEASE_SECONDS / 2 < took < LEASE_SECONDS + 10
    assert second.finish(rollback) == "SUCCEEDED"
    assert_rolled_back(second, shop, rollback)
    assert servers.effects_since(mark, shop) == ROLLED_BACK, trap.at


def test_what_a_server_carries_when_it_is_stopped_goes_on_elsewhere_at_once(servers: Fleet, shop: Shop) -> None:
    first, second = servers.servers
    deployment, mark = servers.deployed(shop), servers.effects.mark
    trap = Trap(1, Moment.AFTER, lambda: send(first, signal.SIGTERM), _CHANGE)
    servers.world.set(trap)
    rollback = begun(first, deployment)
    former = servers.carrier(deployment)
    assert trap.sprung.wait(_PATIENCE_SECONDS)
    stopped = time.monotonic()
    assert servers.goes_on_elsewhere(rollback, former, within=10) - stopped < 2
    assert first.process is not None
    assert first.process.wait(timeout=10) == 0
    assert second.finish(rollback) == "SUCCEEDED"
    assert_rolled_back(second, shop, rollback)
    assert servers.effects_since(mark, shop) == ROLLED_BACK


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
def test_a_server_that_hung_past_its_lease_has_no_late_effect(servers: Fleet, shop: Shop, moment: Moment) -> None:
    first, second = servers.servers
    deployment, mark = servers.deployed(shop), servers.effects.mark
    trap = Trap(1, moment, lambda: send(first, signal.SIGSTOP), _CHANGE)
    servers.world.set(trap)
    rollback = begun(first, deployment)
    assert trap.sprung.wait(_PATIENCE_SECONDS)
    servers.world.set(None)
    assert second.finish(rollback) == "SUCCEEDED"
    late = len(servers.world.requests)
    send(first, signal.SIGCONT)
    # It is well again, and had every opportunity meanwhile.
    other = Shop(f"other_{shop.name}", servers.world)
    first.rolled_back(servers.deployed(other))
    written = [request.path for request in servers.world.requests[late:] if request.writes]
    assert [path for path in written if f"/{shop.namespace('')}" in path] == []
    assert_rolled_back(first, shop, rollback)
    assert servers.effects_since(mark, shop) == ROLLED_BACK
    assert "Traceback" not in first.log
