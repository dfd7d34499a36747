"""Several servers on one PostgreSQL: what one of them was doing goes on at another one, with every effect once."""

from __future__ import annotations

import signal

import pytest

from tests.durability.fleets import LEASE_SECONDS, Fleet, assert_rolled_back, send, struck
from tests.durability.ordeals import ROLLED_BACK
from tests.durability.traps import Moment
from tests.support.shop import Shop


@pytest.fixture(autouse=True)
def all_up(servers: Fleet) -> None:
    servers.world.set(None)
    servers.start()


@pytest.fixture
def shop(servers: Fleet, shop_name: str) -> Shop:
    return Shop(shop_name, servers.world)


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
def test_what_a_killed_server_carried_goes_on_elsewhere(servers: Fleet, shop: Shop, moment: Moment) -> None:
    second = servers.servers[1]
    killed = struck(servers, shop, signal.SIGKILL, moment)
    went_on = servers.goes_on_elsewhere(killed.rollback, killed.former, within=LEASE_SECONDS + 10)
    assert LEASE_SECONDS / 2 < went_on - killed.at < LEASE_SECONDS + 10
    assert second.finish(killed.rollback) == "SUCCEEDED"
    assert_rolled_back(second, shop, killed.rollback)
    assert servers.effects_since(killed.mark, shop) == ROLLED_BACK


def test_what_a_server_carries_when_it_is_stopped_goes_on_elsewhere_at_once(servers: Fleet, shop: Shop) -> None:
    first, second = servers.servers
    stopped = struck(servers, shop, signal.SIGTERM)
    assert servers.goes_on_elsewhere(stopped.rollback, stopped.former, within=10) - stopped.at < 2
    assert first.process is not None
    assert first.process.wait(timeout=10) == 0
    assert second.finish(stopped.rollback) == "SUCCEEDED"
    assert_rolled_back(second, shop, stopped.rollback)
    assert servers.effects_since(stopped.mark, shop) == ROLLED_BACK


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
def test_a_server_that_hung_past_its_lease_has_no_late_effect(servers: Fleet, shop: Shop, moment: Moment) -> None:
    first, second = servers.servers
    hung = struck(servers, shop, signal.SIGSTOP, moment)
    servers.world.set(None)
    assert second.finish(hung.rollback) == "SUCCEEDED"
    late = len(servers.world.requests)
    send(first, signal.SIGCONT)
    # It is well again, and had every opportunity meanwhile.
    other = Shop(f"other_{shop.name}", servers.world)
    first.rolled_back(servers.deployed(other))
    written = [request.path for request in servers.world.requests[late:] if request.writes]
    assert [path for path in written if f"/{shop.namespace('')}" in path] == []
    assert_rolled_back(first, shop, hung.rollback)
    assert servers.effects_since(hung.mark, shop) == ROLLED_BACK
    assert "Traceback" not in first.log
