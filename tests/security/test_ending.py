"""A token that ends takes the open streams with it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from db.columns import now
from db.database import Database
from db.security.tokens import create_token, revoke_token
from db.statuses import Role
from server.callers import TokenDoor
from tests.security.books import tamper
from tests.server.tiny import Running, serving_tiny_schema, watch
from tests.support.databases import migrated

FOREVER = '{"query": "subscription { forever }"}'


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/unship.db"
    asyncio.run(migrated(url))
    return url


@pytest.fixture
def tiny(url: str) -> Generator[Running]:
    """A server that looks for ended tokens twenty times a second."""
    database = Database(url)
    with serving_tiny_schema(TokenDoor(lambda: database, recheck_seconds=0.05)) as running:
        yield running
    asyncio.run(database.close())


def make(url: str) -> str:
    async def made() -> str:
        database = Database(url)
        async with database.write() as session:
            token = await create_token(session, "ci", Role.VIEWER, now() + timedelta(days=1), "tests")
        await database.close()
        assert token is not None
        return f"Bearer {token.secret}"

    return asyncio.run(made())


def revoke(url: str) -> None:
    async def revoked() -> None:
        database = Database(url)
        async with database.write() as session:
            assert await revoke_token(session, "ci") is not None
        await database.close()

    asyncio.run(revoked())


def expire(url: str) -> None:
    tamper(url, "UPDATE machinetoken SET expires_at = '2026-01-01 00:00:00.000000'")


@pytest.mark.parametrize(("end", "code"), [(revoke, 4401), (expire, 4403)])
def test_a_socket_is_closed_when_its_token_ends(tiny: Running, url: str, end: object, code: int) -> None:
    authorization = make(url)
    with connect(tiny.socket_url, subprotocols=[Subprotocol("graphql-transport-ws")]) as connection:
        connection.send(f'{{"type": "connection_init", "payload": {{"authorization": "{authorization}"}}}}')
        connection.send(f'{{"id": "a", "type": "subscribe", "payload": {FOREVER}}}')
        assert "connection_ack" in str(connection.recv(5))
        assert "next" in str(connection.recv(5))
        watch.wait_open(1)
        (revoke if end is revoke else expire)(url)
        with pytest.raises(ConnectionClosed) as caught:
            connection.recv(10)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == code
    watch.wait_open(0)


def test_an_event_stream_ends_when_its_token_does_and_nobody_elses(tiny: Running, url: str) -> None:
    headers = {"accept": "text/event-stream", "content-type": "application/json"}
    own = headers | {"authorization": make(url)}
    with (
        httpx2.stream("POST", tiny.url, content=FOREVER, headers=own) as named,
        httpx2.stream("POST", tiny.url, content=FOREVER, headers=headers) as anonymous,
    ):
        watch.wait_open(2)
        lines = anonymous.iter_lines()
        revoke(url)
        assert "event: complete" not in list(named.iter_lines()), "so that the client comes back, and is told why"
        watch.wait_open(1)
        assert next(lines) == ":"
    assert httpx2.post(tiny.url, content=FOREVER, headers=own).status_code == 401
