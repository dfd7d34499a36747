"""Who may take others for dead: only who has reached the database for long enough himself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from db.database import async_url
from db.migrate import upgrade
from pipelines.peers.heart import Heart
from tests.support.postgres import PostgresServer

LEASE = 1.0


@pytest.fixture
def heart(postgres_url: str) -> Generator[Heart]:
    asyncio.run(upgrade(postgres_url))
    beating = Heart(async_url(postgres_url), "me", LEASE)
    beating.start()
    yield beating
    beating.stop()


def until(condition: Callable[[], bool]) -> float:
    """Wait for it; how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < 20
        time.sleep(0.01)
    return time.monotonic() - began


@contextmanager
def outage(server: PostgresServer, url: str) -> Generator[None]:
    """Nobody is connected to the database within the block."""
    name = make_url(url).database or ""
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            yield
        finally:
            connection.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


def rows(url: str) -> list[tuple[str, bool]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT id, beaten_at > clock_timestamp() - interval '1 second' FROM executor"
        ).fetchall()


def test_a_process_judges_after_a_lease_and_beats_meanwhile(heart: Heart, postgres_url: str) -> None:
    assert not heart.may_judge
    assert until(lambda: heart.may_judge) > LEASE / 2
    assert rows(postgres_url) == [("me", True)]


def test_after_an_outage_nobody_is_judged_for_two_leases(
    heart: Heart, postgres: PostgresServer, postgres_url: str
) -> None:
    until(lambda: heart.may_judge)
    with outage(postgres, postgres_url):
        until(lambda: not heart.may_judge)
    assert until(lambda: heart.may_judge) > 1.8 * LEASE
    assert rows(postgres_url) == [("me", True)]


def test_who_ends_in_order_leaves_no_row(postgres_url: str) -> None:
    asyncio.run(upgrade(postgres_url))
    beating = Heart(async_url(postgres_url), "me", LEASE)
    beating.start()
    assert rows(postgres_url) == [("me", True)]
    beating.stop()
    assert rows(postgres_url) == []
