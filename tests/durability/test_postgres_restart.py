"""Two servers whose PostgreSQL is restarted, or hangs: both go on, and nobody is robbed of what it carries."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.durability.fleets import Fleet, begun, fleet
from tests.durability.ordeals import ROLLED_BACK, bare
from tests.durability.outages import MET, assert_back, assert_ended_right, assert_told, readiness, service, until
from tests.durability.traps import Moment, Trap, TrappedCluster
from tests.support.postgres import OwnPostgres, own_postgres
from tests.support.shop import Shop
from tests.support.unship import Unship

_LEASE_SECONDS = 2
_PATIENCE_SECONDS = 30
# The request that gives a workload its old version back.
_CHANGE = r"^PATCH .*/deployments/web\?(?!.*dryRun)"


@pytest.fixture(scope="module")
def own() -> Generator[OwnPostgres]:
    with own_postgres() as running:
        yield running


@pytest.fixture(scope="module")
def servers(world: TrappedCluster, own: OwnPostgres, tmp_path_factory: pytest.TempPathFactory) -> Generator[Fleet]:
    with fleet(world, own.url, tmp_path_factory.mktemp("own"), lease=_LEASE_SECONDS) as running:
        yield running


def ends_what_it_carries(servers: Fleet, shop: Shop, rollback: str, former: str, mark: int) -> None:
    """Every server is back, and the one that carried the rollback has ended it, with each effect once."""
    for server in servers.servers:
        assert_back(server)
        assert_ended_right(server, shop, rollback)
        assert "taken over" not in server.log
    assert servers.carrier(rollback) == former
    assert servers.effects_since(mark, shop) == ROLLED_BACK


def acknowledged(server: Unship, identifier: str) -> bool:
    """Whether a service that was made is there."""
    return bool(server.data(f'{{ service(identifier: "{identifier}") {{ id }} }}')["service"])


def test_a_restart_costs_time_only(servers: Fleet, own: OwnPostgres, shop_name: str) -> None:
    shop = Shop(shop_name, servers.world)
    first, second = servers.servers
    deployment, mark = servers.deployed(shop), servers.effects.mark
    trap = Trap(1, Moment.ANSWERED, own.stop, _CHANGE)
    servers.world.set(trap)
    assert first.data(service("acknowledged"))["applyConfiguration"]["applied"]
    rollback = begun(first, deployment)
    former = servers.carrier(rollback)
    assert trap.sprung.wait(_PATIENCE_SECONDS)
    for server in (first, second):
        assert_told(server, "The database cannot be reached")
    until(lambda: MET in first.log, "the rollback meets the outage")
    own.start()
    ends_what_it_carries(servers, shop, rollback, former, mark)
    assert acknowledged(second, "acknowledged")


def test_a_database_that_hangs_costs_time_only(servers: Fleet, own: OwnPostgres, shop_name: str) -> None:
    shop = Shop(shop_name, servers.world)
    deployment, mark = servers.deployed(shop), servers.effects.mark
    rollback = begun(servers.servers[0], deployment)
    former = servers.carrier(rollback)
    with own.hanging():
        for server in servers.servers:
            status, said = readiness(server)
            assert (status, "The database does not answer in time" in said) == (503, True), said
        ended = [line for line in servers.servers[0].log.splitlines() if "execution ended" in line]
        assert not any(bare(rollback) in line for line in ended), "it was under way"
    ends_what_it_carries(servers, shop, rollback, former, mark)
