"""What `python -m server check` finds beside a stopped server and beside running ones, sound and damaged."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from sandbox.kubernetes import KubernetesWorld
from tests.durability.fleets import Fleet, fleet
from tests.durability.ordeals import bare
from tests.durability.traps import trapped_world
from tests.journeys.yard import NEW, OLD, Yard, step, until_running
from tests.security.operator import Operator, Said
from tests.support.postgres import PostgresServer
from tests.support.unship import Unship, serving

_TABLES = ("executions under way", "references", "events", "statuses", "locks", "engine")


def with_history(unship: Unship, world: KubernetesWorld) -> str:
    """Deployments, a rollback, and an execution that waits for an hour and is under way; returns its id."""
    yard = Yard("history", unship, world)
    waiting = yard.stage("later", steps=[step("linger", "Wait", {"duration": "1h"})])
    yard.apply(yard.stage("prod"), environments=("prod", "later"))
    yard.apply_documents(yard.pipeline(waiting, identifier="waiting"))
    yard.deploy(OLD)
    unship.rolled_back(yard.deploy(NEW))
    execution = unship.run("waiting")
    until_running(unship, execution, "linger")
    return execution


@pytest.fixture(scope="module")
def killed(connectors: Path, world: KubernetesWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of an embedded installation whose server was killed in the middle of an execution."""
    with serving(tmp_path_factory.mktemp("killed"), connectors=str(connectors)) as unship:
        with_history(unship, world)
        unship.kill(signal.SIGKILL)
        return unship.directory / "data"


@pytest.fixture
def data(killed: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(killed, tmp_path / "data"))


@pytest.fixture
def operator(data: Path, connectors: Path) -> Operator:
    return Operator(data, {"connectors": str(connectors)})


def problems(said: Said) -> dict[str, str]:
    assert said.complaint == ""
    lines = said.output.splitlines()
    found = dict(line.removeprefix("PROBLEM  ").split(": ", 1) for line in lines if line.startswith("PROBLEM"))
    assert said.code == (1 if found else 0), said
    return found


def contents(data: Path) -> list[list[str]]:
    """All rows of both databases."""
    found: list[list[str]] = []
    for name in ("unship.db", "unship.db-engine"):
        with closing(sqlite3.connect(data / name)) as connection:
            found.append(list(connection.iterdump()))
    return found


def test_what_a_killed_server_leaves_is_sound(data: Path, operator: Operator) -> None:
    before = contents(data)
    said = operator.run("check")
    assert problems(said) == {}, said.output
    looked_at = [line.removeprefix("ok").strip().split(":")[0] for line in said.output.splitlines()]
    assert [one for one in looked_at if one in _TABLES] == list(_TABLES)
    assert "executions under way: 1\n" in said.output
    assert contents(data) == before, "it changes nothing"


_DAMAGE = {
    "connector-lost": (
        """UPDATE infrastructure SET spec = '{"connectorRef": "gone"}'
        WHERE environment_id = (SELECT id FROM environment WHERE identifier = 'history_prod')""",
        "connectors referred to",
        'environment "history_prod" names the connector "gone", which is not there; list it in the connectors',
    ),
    "row-lost": ("DELETE FROM stage WHERE status = 'RUNNING'", "references", "name in stage_id a row of stage"),
    "target-points-nowhere": (
        "UPDATE target SET deployed_stage_id = 'nothing' WHERE deployed_stage_id IS NOT NULL",
        "references",
        "1 rows of target name in deployed_stage_id a row of stage that is not there",
    ),
    "event-lost": ("DELETE FROM event WHERE sequence = 3", "events", ", the last one "),
    "last-event-lost": (
        "DELETE FROM event WHERE sequence = (SELECT max(sequence) FROM event)",
        "events",
        "has counted",
    ),
    "event-made-up": ("UPDATE event SET sequence = sequence + 100 WHERE sequence = 4", "events", "104"),
    "status-changed": (
        "UPDATE execution SET status = 'FAILED' WHERE status = 'SUCCEEDED'",
        "statuses",
        "is FAILED, and its events end with SUCCEEDED",
    ),
    "stage-left-open": (
        "UPDATE stage SET status = 'RUNNING' WHERE status = 'SUCCEEDED'",
        "statuses",
        "and something of it is not finished",
    ),
    "rollback-for-ever": (
        "UPDATE execution SET rollback_status = 'STARTED' WHERE rollback_status = 'SUCCESS'",
        "statuses",
        "is said to be in a rollback, and none is under way",
    ),
    "lock-of-an-ended-one": (
        "UPDATE executiontarget SET active = true WHERE execution_id = (SELECT min(id) FROM execution)",
        "locks",
        "which has ended; let them go",
    ),
    "lock-lost": ("UPDATE executiontarget SET active = false", "locks", "does not hold its target"),
    "entry-edited": (
        "UPDATE auditentry SET subject = 'somebody' WHERE sequence = 2",
        "audit log",
        "entry 2 of 6 is edited",
    ),
}


@pytest.mark.parametrize("damage", _DAMAGE)
def test_each_damage_is_named_with_what_to_do(data: Path, damage: str, operator: Operator) -> None:
    statement, what, said = _DAMAGE[damage]
    change(data / "unship.db", statement)
    found = problems(operator.run("check"))
    assert said in found[what], found
    assert ";" in found[what]


def test_an_execution_that_the_engine_lost_is_named_and_a_start_heals_it(
    data: Path, connectors: Path, operator: Operator
) -> None:
    change(data / "unship.db-engine", "UPDATE workflow_status SET status = 'SUCCESS' WHERE status = 'PENDING'")
    found = problems(operator.run("check"))
    assert found.keys() == {"engine"}
    assert "is under way, and the engine does not carry it; start a server" in found["engine"]
    with serving(data.parent, connectors=str(connectors)) as unship:
        waiting = unship.data("{ executions(first: 1, filter: {status: RUNNING}) { nodes { id } } }")
        (execution,) = waiting["executions"]["nodes"]
        unship.abort(execution["id"])
        assert unship.finish(execution["id"]) == "ABORTED"
    assert problems(operator.run("check")) == {}


def test_a_workflow_of_nothing_is_named(data: Path, operator: Operator) -> None:
    change(
        data / "unship.db-engine",
        "UPDATE workflow_status SET status = 'PENDING', workflow_uuid = 'x' WHERE rowid = 1",
    )
    found = problems(operator.run("check"))
    assert found.keys() == {"engine"}
    assert "it carries execution x, which is not in the database; start a server" in found["engine"]


def test_a_lost_audit_key_is_named(data: Path, operator: Operator) -> None:
    (data / "audit.key").unlink()
    assert "put it back" in problems(operator.run("check"))["audit log"]


def change(path: Path, statement: str) -> None:
    """As somebody with a database tool does it, foreign keys or not."""
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement).rowcount > 0


@pytest.fixture(scope="module")
def servers(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Generator[Fleet]:
    with (
        trapped_world() as world,
        postgres.fresh_database() as url,
        fleet(world, url, tmp_path_factory.mktemp("fleet")) as running,
    ):
        yield running


def test_beside_running_servers(servers: Fleet) -> None:
    """Sound; then a reference, the engine and the audit log damaged; then all servers gone."""
    first = servers.servers[0]
    waiting = with_history(first, servers.world)
    settings = {name.removeprefix("UNSHIP_").lower(): value for name, value in first.settings.items()}
    operator = Operator(first.directory / "data", settings)
    said = operator.run("check")
    assert problems(said) == {}
    assert "carriers: every execution under way has one that lives" in said.output
    for server in servers.servers:
        server.kill(signal.SIGKILL)
    with psycopg.connect(settings["database_url"], autocommit=True) as connection:
        connection.execute("UPDATE executor SET beaten_at = beaten_at - interval '1 hour'")
        found = problems(operator.run("check"))
        assert found.keys() == {"carriers"}
        assert f"execution {bare(waiting)} is carried by server " in found["carriers"]
        assert "silent since" in found["carriers"]
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM stage WHERE status = 'RUNNING'")
        connection.execute("DELETE FROM dbos.workflow_status")
        connection.execute("DELETE FROM executor")
        connection.execute("UPDATE auditentry SET subject = 'somebody' WHERE sequence = 2")
        found = problems(operator.run("check"))
        assert found.keys() == {"references", "engine", "carriers", "audit log"}
        assert "which has ended; start a server" in found["carriers"]
