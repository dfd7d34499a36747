"""A PostgreSQL that fails for a while: clients are told so, and a rollback under way goes on after it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from sandbox.__main__ import write_connectors
from tests.durability.outages import (
    assert_back,
    assert_ended_right,
    assert_told,
    begun,
    readiness,
    service,
    until,
    until_met,
)
from tests.durability.traps import TrappedCluster
from tests.support.postgres import PostgresServer
from tests.support.shop import OLD, Shop
from tests.support.unship import Unship, serving

# More than a server has connections.
_CROWD = 40


class Elephant:
    """A database of its own role, and what its administrator can do to those who use it."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self._server = server
        database, role = make_url(url).database or "", f"unship_{secrets.token_hex(4)}"
        self._names = {"database": sql.Identifier(database), "role": sql.Identifier(role)}
        self._database = database
        self.url = make_url(url).set(username=role, password="secret").render_as_string(hide_password=False)
        self.do("CREATE ROLE {role} LOGIN PASSWORD 'secret'", "ALTER DATABASE {database} OWNER TO {role}")

    def do(self, *statements: LiteralString) -> None:
        """Statements in which {database} and {role} are these."""
        with psycopg.connect(self._server.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(sql.SQL(statement).format(**self._names))

    def cut(self) -> None:
        """End every session of the database."""
        with psycopg.connect(self._server.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (self._database,)
            )

    def waiting(self) -> int:
        """How many sessions of the database wait for a lock."""
        with psycopg.connect(self._server.url) as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
            row = connection.execute(query, (self._database,)).fetchone()
        return row[0] if row else 0


@contextmanager
def altered(
    elephant: Elephant, what: LiteralString, fault: LiteralString, normal: LiteralString
) -> Generator[None]:
    """The database or role is so within the block, for new sessions; there are no others."""
    elephant.do(f"ALTER {what} {fault}")
    elephant.cut()
    try:
        yield
    finally:
        elephant.do(f"ALTER {what} {normal}")


def stopped(elephant: Elephant) -> AbstractContextManager[None]:
    return altered(elephant, "DATABASE {database}", "ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true")


def exhausted(elephant: Elephant) -> AbstractContextManager[None]:
    return altered(elephant, "ROLE {role}", "CONNECTION LIMIT 0", "CONNECTION LIMIT -1")


def standby(elephant: Elephant) -> AbstractContextManager[None]:
    on, off = "SET default_transaction_read_only = on", "RESET default_transaction_read_only"
    return altered(elephant, "DATABASE {database}", on, off)


@pytest.fixture(scope="module")
def elephant(postgres: PostgresServer) -> Generator[Elephant]:
    with postgres.fresh_database() as url:
        yield Elephant(postgres, url)


@pytest.fixture(scope="module")
def unship(
    world: TrappedCluster, elephant: Elephant, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Unship]:
    directory = tmp_path_factory.mktemp("elephant")
    write_connectors([world], directory)
    connectors = str(directory / "connectors.yaml")
    with serving(directory, connectors=connectors, database_url=elephant.url) as running:
        yield running


@pytest.fixture
def shop(unship: Unship, world: TrappedCluster, shop_name: str) -> Shop:
    shop = Shop(shop_name, world)
    assert unship.apply(shop.yaml()) == []
    unship.deploy(shop.name, tag=OLD)
    return shop


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (stopped, "The database cannot be reached"),
        (exhausted, "The database cannot be reached"),
        (standby, "The database cannot be written to"),
    ],
)
def test_an_outage_is_outlasted(
    unship: Unship,
    shop: Shop,
    elephant: Elephant,
    fault: Callable[[Elephant], AbstractContextManager[None]],
    words: str,
) -> None:
    rollback = begun(unship, shop)
    with fault(elephant):
        until_met(unship)
        assert_told(unship, words)
    assert_back(unship)
    assert_ended_right(unship, shop, rollback)


def test_tables_that_somebody_locks_are_waited_for(unship: Unship, shop: Shop, elephant: Elephant) -> None:
    rollback = begun(unship, shop)
    with ThreadPoolExecutor(_CROWD) as crowd:
        with psycopg.connect(elephant.url) as other:
            other.execute("LOCK TABLE execution, event, service IN ACCESS EXCLUSIVE MODE")
            asked = [crowd.submit(unship.post, service(f"crowd{number}")) for number in range(_CROWD)]
            until(lambda: elephant.waiting() > 25, "the server has no connection left")
            (error,) = unship.post("{ environments(first: 1) { nodes { id } } }")["errors"]
            assert error["extensions"]["code"] == "UNAVAILABLE"
            assert error["message"] == "The database does not answer in time; try again."
            assert readiness(unship)[0] == 503
        answers = [one.result() for one in asked]
    applied = [number for number, answer in enumerate(answers) if "errors" not in answer]
    assert applied, "those that waited were served"
    for answer in answers:
        assert answer.get("errors", [{"extensions": {"code": "UNAVAILABLE"}}])[0]["extensions"] == {
            "code": "UNAVAILABLE"
        }
    assert_back(unship)
    found = unship.data("{ services(first: 100) { nodes { identifier } } }")["services"]["nodes"]
    assert {f"crowd{number}" for number in applied} <= {one["identifier"] for one in found}
    assert_ended_right(unship, shop, rollback)
