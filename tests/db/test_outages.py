"""What counts as an outage of the database, by errors that real databases raise, and how one is outlasted."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.database import Database
from db.outages import is_outage, outage_in_words, outlast
from pipelines.engine_database import engine_connections
from tests.support.unship import free_port

Doing = Callable[[AsyncConnection], Awaitable[object]]


def raised(url: str, doing: Doing) -> Exception:
    """What `doing` raises on a connection to the database."""

    async def run() -> Exception:
        database = Database(url)
        try:
            async with database.engine.connect() as connection:
                await doing(connection)
        except Exception as error:
            return error
        finally:
            await database.close()
        raise AssertionError("nothing was raised")

    return asyncio.run(run())


def executing(*statements: str) -> Doing:
    async def execute(connection: AsyncConnection) -> None:
        for statement in statements:
            await connection.execute(sa.text(statement))

    return execute


WRONG = {
    "no-such-table": executing("SELECT 1 FROM nowhere"),
    "syntax": executing("SELECT FROM WHERE"),
    "unique": executing(
        "CREATE TABLE once (id INTEGER PRIMARY KEY)", "INSERT INTO once VALUES (1)", "INSERT INTO once VALUES (1)"
    ),
    "no-database-error": executing("SELECT 1 / :missing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_statement_is_no_outage(database_url: str, case: str) -> None:
    assert not is_outage(raised(database_url, WRONG[case]))


def test_other_errors_are_none() -> None:
    assert not is_outage(None)
    assert not is_outage(ConnectionError("a platform's"))


def test_a_full_disk_is_one(tmp_path: Path) -> None:
    full = executing("CREATE TABLE t (x)", "PRAGMA max_page_count=2", "INSERT INTO t VALUES (zeroblob(100000))")
    error = raised(f"sqlite:///{tmp_path}/full.db", full)
    assert "full" in str(error)
    assert is_outage(error)


def test_a_locked_database_is_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/locked.db"

    async def two(connection: AsyncConnection) -> None:
        await executing("BEGIN IMMEDIATE")(connection)
        other = Database(url)
        try:
            async with other.engine.connect() as second:
                await executing("PRAGMA busy_timeout=0", "BEGIN IMMEDIATE")(second)
        finally:
            await other.close()

    error = raised(url, two)
    assert "locked" in str(error)
    assert is_outage(error)


def test_a_database_that_became_read_only_is_one(tmp_path: Path) -> None:
    error = raised(f"sqlite:///{tmp_path}/ro.db", executing("PRAGMA query_only=ON", "CREATE TABLE t (x)"))
    assert "readonly" in str(error)
    assert is_outage(error)


def test_a_file_that_cannot_be_opened_is_one(tmp_path: Path) -> None:
    with pytest.raises(OperationalError, match="unable to open") as refused:
        sa.create_engine(f"sqlite:///{tmp_path}/nowhere/unship.db").connect()
    assert is_outage(refused.value)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$",
        "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$",
        "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$",
    ],
    ids=["terminated", "serialization-failure", "deadlock", "disk-full"],
)
def test_what_postgres_could_not_do_now_is_one(postgres_url: str, statement: str) -> None:
    assert is_outage(raised(postgres_url, executing(statement)))


def test_a_lock_that_is_not_given_up_is_one(postgres_url: str) -> None:
    async def two(connection: AsyncConnection) -> None:
        await executing("CREATE TABLE t (x int)", "COMMIT", "LOCK TABLE t")(connection)
        other = Database(postgres_url)
        try:
            async with other.engine.connect() as second:
                assert (await second.execute(sa.text("SHOW lock_timeout"))).scalar() == "30s"
                await executing("SET LOCAL lock_timeout = 1", "LOCK TABLE t")(second)
        finally:
            await other.close()

    error = raised(postgres_url, two)
    assert is_outage(error)
    assert outage_in_words(error) == "The database is held by somebody else; try again."


@pytest.mark.parametrize("given", ["", "?tcp_user_timeout=7000"])
def test_a_server_that_vanishes_is_noticed_by_every_connection(postgres_url: str, given: str) -> None:
    database = Database(postgres_url + given)

    async def ours() -> list[int]:
        async with database.engine.connect() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            found = patience(raw.fileno())
        await database.close()
        return found

    expected = [7000 if given else 10_000, 1, 10]
    assert asyncio.run(ours()) == expected
    engine = engine_connections(database)
    with engine.connect() as connection:
        theirs: Any = connection.connection.driver_connection
        assert patience(theirs.fileno()) == expected
    engine.dispose()


def patience(number: int) -> list[int]:
    """Of a TCP connection: milliseconds without an answer, whether it asks, and after how many quiet seconds."""
    with socket.socket(fileno=os.dup(number)) as connection:
        return [
            connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
        ]


def test_a_standby_that_takes_no_writes_is_one(postgres_url: str) -> None:
    assert is_outage(raised(postgres_url, executing("SET TRANSACTION READ ONLY", "CREATE TABLE t (x int)")))


def test_a_server_that_is_not_there_is_one() -> None:
    url = make_url("postgresql://nobody@127.0.0.1").set(port=free_port()).render_as_string()
    assert is_outage(raised(url, executing("SELECT 1")))


def test_an_outage_is_outlasted_and_a_repetition_is_told_so(tmp_path: Path) -> None:
    asked: list[bool] = []

    async def attempt(again: bool) -> str:
        asked.append(again)
        if len(asked) < 3:
            raise raised_before
        return "done"

    raised_before = raised(f"sqlite:///{tmp_path}/o.db", executing("PRAGMA query_only=ON", "CREATE TABLE t (x)"))
    assert asyncio.run(outlast(attempt)) == "done"
    assert asked == [False, True, True]


def test_a_defect_is_not_repeated(tmp_path: Path) -> None:
    asked: list[bool] = []

    async def attempt(again: bool) -> None:
        asked.append(again)
        raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        asyncio.run(outlast(attempt))
    assert asked == [False]
