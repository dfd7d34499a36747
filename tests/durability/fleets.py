"""Several servers on one PostgreSQL in one trapped world, and what holds of an execution that changes hands."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from sandbox.__main__ import write_connectors
from tests.durability.effects import Effects
from tests.durability.ordeals import bare
from tests.durability.rehearsal import namespaces
from tests.durability.traps import Moment, Trap, TrappedCluster
from tests.support.shop import NEW, OLD, Shop
from tests.support.unship import Unship

LEASE_SECONDS = 3
_PATIENCE_SECONDS = 30.0
# The request that gives a workload its old version back; each stage sends one.
_CHANGE = r"^PATCH .*/deployments/web\?(?!.*dryRun)"


class Fleet:
    """The servers share a database, an audit key and nothing else; each has a log of its own."""

    def __init__(self, world: TrappedCluster, database_url: str, directory: Path, lease: float) -> None:
        self.world = world
        self.effects = Effects(world)
        self.servers: list[Unship] = []
        self._directory = directory
        write_connectors([world], directory)
        self._settings = {
            "UNSHIP_CONNECTORS": str(directory / "connectors.yaml"),
            "UNSHIP_DATABASE_URL": database_url,
            "UNSHIP_LEASE_SECONDS": str(lease),
            "UNSHIP_AUDIT_KEY_FILE": str(directory / "audit.key"),
        }

    def add(self, names: str) -> None:
        """A server for each letter, which does not run yet."""
        for name in names:
            (self._directory / name).mkdir()
            self.servers.append(Unship(self._directory / name, self._settings))

    def start(self) -> None:
        """Start those that do not run."""
        for server in self.servers:
            if server.process is None or server.process.poll() is not None:
                server.start()

    def stop(self) -> None:
        for server in self.servers:
            if server.process is not None and server.process.poll() is None:
                send(server, signal.SIGCONT)
                server.stop()
            server.client.close()

    def deployed(self, shop: Shop) -> str:
        """The deployment of the new version over the old one, by the first server."""
        first = self.servers[0]
        assert first.apply(shop.yaml()) == []
        first.deploy(shop.name, tag=OLD)
        return first.deploy(shop.name, tag=NEW)

    def statuses(self) -> dict[str, int]:
        """How many executions have each status, as the database has them."""
        with psycopg.connect(self._settings["UNSHIP_DATABASE_URL"]) as connection:
            return dict(connection.execute("SELECT status, count(*) FROM execution GROUP BY status").fetchall())

    def carrier(self, execution: str) -> str:
        """Who carries the execution now, by its own name."""
        with psycopg.connect(self._settings["UNSHIP_DATABASE_URL"]) as connection:
            query = "SELECT executor_id FROM execution WHERE id = %s"
            row = connection.execute(query, (bare(execution),)).fetchone()
        assert row is not None
        return str(row[0])

    def goes_on_elsewhere(self, execution: str, former: str, within: float) -> float:
        """Wait until another server has the execution, and for its next request; when that came (monotonic)."""
        until = time.monotonic() + within
        while self.carrier(execution) == former:
            assert time.monotonic() < until, f"nobody took it over within {within} s"
            time.sleep(0.01)
        trap = Trap(1, Moment.AFTER, lambda: None)
        self.world.set(trap)
        assert trap.sprung.wait(within), "it was taken over, and nobody went on"
        return time.monotonic()

    def effects_since(self, mark: int, shop: Shop) -> dict[str, int]:
        return self.effects.since(mark, *namespaces(shop))


@contextmanager
def fleet(
    world: TrappedCluster, database_url: str, directory: Path, names: str = "ab", lease: float = LEASE_SECONDS
) -> Generator[Fleet]:
    """A running fleet; the servers of the names start one after another."""
    running = Fleet(world, database_url, directory, lease)
    running.add(names)
    try:
        running.start()
        yield running
    finally:
        world.set(None)
        running.stop()


def send(server: Unship, sent: signal.Signals) -> None:
    """Send a signal, and come back at once."""
    assert server.process is not None
    os.kill(server.process.pid, sent)


def begun(server: Unship, deployment: str) -> str:
    """A rollback of the deployment that this server carries; returns its id."""
    payload: dict[str, Any] = server.roll_back(target={"executionId": deployment})
    assert payload["userErrors"] == []
    execution: str = payload["execution"]["id"]
    return execution


@dataclass(frozen=True)
class Struck:
    """A rollback whose carrier got a signal on the way.

    `former` is that carrier by its own name, `mark` the effects before the rollback, `at` when (monotonic).
    """

    rollback: str
    former: str
    mark: int
    at: float


def struck(servers: Fleet, shop: Shop, sent: signal.Signals, moment: Moment = Moment.AFTER) -> Struck:
    """Begin a rollback at the first server, which gets the signal at the rollback's first change of a workload."""
    first = servers.servers[0]
    deployment, mark = servers.deployed(shop), servers.effects.mark
    at: list[float] = []

    def strike() -> None:
        at.append(time.monotonic())
        send(first, sent)

    trap = Trap(1, moment, strike, _CHANGE)
    servers.world.set(trap)
    rollback = begun(first, deployment)
    former = servers.carrier(deployment)
    assert trap.sprung.wait(_PATIENCE_SECONDS)
    return Struck(rollback, former, mark, at[0])


def assert_rolled_back(server: Unship, shop: Shop, rollback: str) -> None:
    """It succeeded, its journal has no gap, and the old version runs."""
    assert server.execution(rollback)["status"] == "SUCCEEDED"
    sequences = [event["sequence"] for event in server.events(rollback)]
    assert sequences == list(range(1, len(sequences) + 1))
    for environment in ("staging", "prod"):
        assert {image.partition(":")[2] for image in shop.images(environment)} == {OLD}
