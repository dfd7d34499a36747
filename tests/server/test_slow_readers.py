"""Clients that do not read, over real sockets with small buffers: what they cost, and how they are given up."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager

import pytest
from websockets.sync.client import ClientConnection, connect

from server import slow_readers
from tests.server.test_graphql_socket import PROTOCOL, acknowledged, closing, closing_at_last, hear, say, subscribe
from tests.server.tiny import Running, serving_tiny_schema, watch

_PIECE = 1_000_000
FLOOD = f"subscription {{ forever(size: {_PIECE}) }}"
_PATIENCE_SECONDS = 15

Stalled = Callable[[Running, ExitStack], socket.socket]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_readers, "STALLED_SECONDS", 0.6)
    monkeypatch.setattr(slow_readers, "CLOSING_SECONDS", 0.3)
    monkeypatch.setattr(slow_readers, "LOOK_SECONDS", 0.1)


def small(tiny: Running) -> socket.socket:
    """A connection whose own kernel holds next to nothing."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(_PATIENCE_SECONDS)
    connection.connect(("127.0.0.1", tiny.port))
    return connection


def on_events(tiny: Running, end: ExitStack) -> socket.socket:
    """A stream of Server-Sent Events that nobody reads."""
    connection = end.enter_context(small(tiny))
    body = json.dumps({"query": FLOOD})
    head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall((head + body).encode())
    return connection


def on_a_socket(tiny: Running, end: ExitStack) -> socket.socket:
    """A subscription by WebSocket that nobody reads."""
    return end.enter_context(unread(tiny)).socket


STALLED = pytest.mark.parametrize("stalled", [on_events, on_a_socket])


@contextmanager
def unread(tiny: Running) -> Generator[ClientConnection]:
    """A WebSocket whose client takes little off the connection unless it is asked to."""
    with connect(
        tiny.socket_url,
        sock=small(tiny),
        subprotocols=[PROTOCOL],
        compression=None,
        max_queue=1,
        ping_interval=None,
        close_timeout=0,
    ) as connection:
        say(connection, type="connection_init")
        subscribe(connection, "a", FLOOD)
        yield connection


def sip(connection: socket.socket, size: int) -> None:
    """Take that much, at the pace of a slow client, which the sleep is: nothing is waited for."""
    taken = 0
    while taken < size:
        received = connection.recv(16 * 1024)
        assert received, "the connection has ended"
        taken += len(received)
        time.sleep(0.02)


def wait_connections(tiny: Running, wanted: int) -> None:
    """Until the server holds so many connections, closing ones included."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while len(tiny.server.server_state.connections) != wanted:
        assert time.monotonic() < until, tiny.server.server_state.connections
        time.sleep(0.01)


@STALLED
def test_three_that_stall_are_given_up_beside_three_that_read(tiny: Running, stalled: Stalled) -> None:
    watch.wait_open(0)
    wait_connections(tiny, 0)
    before, given_up = watch.produced, slow_readers.GIVEN_UP.counts[()]
    with ExitStack() as end:
        healthy = [end.enter_context(acknowledged(tiny)) for _ in range(3)]
        for connection in healthy:
            subscribe(connection, "live", "subscription { forever }")
            assert hear(connection)["type"] == "next"
        for _ in range(3):
            stalled(tiny, end)
        watch.wait_open(6)
        for connection in healthy:
            subscribe(connection, "beside", "subscription { count(to: 50) }")
            assert [hear(connection)["type"] for _ in range(51)] == ["next"] * 50 + ["complete"]
        watch.wait_open(3)
        # Not only what they followed has ended: the server holds nothing of them any more.
        wait_connections(tiny, 3)
        assert slow_readers.GIVEN_UP.counts[()] == given_up + 3
        # One in the buffers and one after the end; the kernel alone takes up to 4 MB if it may.
        assert (watch.produced - before) / 3 <= 2


def test_who_reads_again_soon_finds_1013(tiny: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_readers, "CLOSING_SECONDS", 10)
    watch.wait_open(0)
    with unread(tiny) as connection:
        watch.wait_open(1)
        watch.wait_open(0)
        assert closing_at_last(connection) == (1013, "The client does not read")


def test_who_takes_too_little_in_that_time_is_given_up(tiny: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far more here than elsewhere, since the kernel takes from the server in pieces of 64 KiB."""
    monkeypatch.setattr(slow_readers, "LEAST_BYTES", 10 * _PIECE)
    watch.wait_open(0)
    with ExitStack() as end:
        connection = on_events(tiny, end)
        with pytest.raises(ConnectionResetError):
            sip(connection, _PIECE)
        watch.wait_open(0)


def test_who_is_slow_but_reads_stays(tiny: Running) -> None:
    watch.wait_open(0)
    with ExitStack() as end:
        connection = on_events(tiny, end)
        sip(connection, _PIECE // 2)
        watch.wait_open(1)
    watch.wait_open(0)


@STALLED
def test_a_shutdown_does_not_wait_for_them(stalled: Stalled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_readers, "STALLED_SECONDS", 60)
    with serving_tiny_schema() as running, ExitStack() as end:
        stalled(running, end)
        watch.wait_open(1)
        with watch.changed:
            while watch.changed.wait(timeout=0.3):
                pass
        running.server.config.timeout_graceful_shutdown = 60
        running.stop()
        watch.wait_open(0)


def test_a_client_that_is_silent_for_long_is_no_slow_reader(tiny: Running) -> None:
    with acknowledged(tiny) as connection:
        subscribe(connection, "a", "subscription { forever }")
        assert hear(connection)["type"] == "next"
        with pytest.raises(TimeoutError):
            connection.recv(timeout=2 * slow_readers.STALLED_SECONDS)
        subscribe(connection, "a", "{ hello }")
        assert closing(connection)[0] == 4409
