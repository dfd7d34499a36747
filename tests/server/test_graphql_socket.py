"""The graphql-transport-ws protocol on a real socket: every message and every close code."""

import collections
import json
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from server import graphql_socket
from tests.server.tiny import Running, serving_tiny_schema, watch

PROTOCOL = Subprotocol("graphql-transport-ws")


@contextmanager
def opened(tiny: Running, *protocols: Subprotocol, origin: str | None = None) -> Generator[ClientConnection]:
    with connect(
        tiny.socket_url,
        subprotocols=list(protocols) or [PROTOCOL],
        compression=None,
        additional_headers={"Origin": origin} if origin else None,
    ) as connection:
        yield connection


@contextmanager
def acknowledged(tiny: Running) -> Generator[ClientConnection]:
    with opened(tiny) as connection:
        say(connection, type="connection_init")
        assert hear(connection) == {"type": "connection_ack"}
        yield connection


def say(connection: ClientConnection, **message: Any) -> None:
    connection.send(json.dumps(message))


def subscribe(connection: ClientConnection, id_: str, query: str, **rest: Any) -> None:
    say(connection, id=id_, type="subscribe", payload={"query": query, **rest})


def hear(connection: ClientConnection) -> Any:
    return json.loads(connection.recv(timeout=5))


def closing(connection: ClientConnection) -> tuple[int, str]:
    """The close code and reason that the server sends next; whatever else it sends is a failure."""
    with pytest.raises(ConnectionClosed) as caught:
        connection.recv(timeout=8)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


def closing_at_last(connection: ClientConnection) -> tuple[int, str]:
    """As `closing`, after everything that the server sent before."""
    with suppress(ConnectionClosed):
        collections.deque(iter(partial(connection.recv, 8), None), maxlen=0)
    return closing(connection)


def test_a_subscription_from_init_to_complete(tiny: Running) -> None:
    with acknowledged(tiny) as connection:
        assert connection.subprotocol == PROTOCOL
        subscribe(connection, "a", "subscription ($to: Int!) { count(to: $to) }", variables={"to": 2})
        assert [hear(connection) for _ in range(3)] == [
            {"id": "a", "type": "next", "payload": {"data": {"count": 0}}},
            {"id": "a", "type": "next", "payload": {"data": {"count": 1}}},
            {"id": "a", "type": "complete"},
        ]


@pytest.mark.parametrize("query", ["query A { value: hello }", "mutation A { value: touch }"])
def test_queries_and_mutations_work_and_their_id_is_free_again(tiny: Running, query: str) -> None:
    with acknowledged(tiny) as connection:
        for _ in range(3):
            subscribe(connection, "same", query, operationName="A", extensions={})
            assert hear(connection)["payload"]["data"]["value"]
            assert hear(connection) == {"id": "same", "type": "complete"}


@pytest.mark.parametrize(
    "query",
    [
        "{",
        "",
        "subscription { nothing }",
        "subscription { count }",
        "query A { hello } query B { hello }",
        "{" * 3000,
    ],
)
def test_a_request_error_is_an_error_message_and_the_socket_stays(tiny: Running, query: str) -> None:
    with acknowledged(tiny) as connection:
        subscribe(connection, "a", query)
        message = hear(connection)
        assert (message["id"], message["type"]) == ("a", "error")
        assert message["payload"][0]["extensions"]["code"]
        subscribe(connection, "a", "{ hello }")
        assert hear(connection)["payload"] == {"data": {"hello": "hello world"}}


def test_a_field_error_is_a_next_with_errors(tiny: Running) -> None:
    with acknowledged(tiny) as connection:
        subscribe(connection, "a", "{ nullableBoom }")
        payload = hear(connection)["payload"]
        assert payload["data"] == {"nullableBoom": None}
        assert payload["errors"][0]["path"] == ["nullableBoom"]
        assert hear(connection)["type"] == "complete"


def test_complete_from_the_client_stops_the_source_and_nothing_comes_after_it(tiny: Running) -> None:
    watch.wait_open(0)
    with acknowledged(tiny) as connection:
        subscribe(connection, "a", "subscription { forever }")
        assert hear(connection)["type"] == "next"
        watch.wait_open(1)
        say(connection, id="a", type="complete")
        watch.wait_open(0)
        say(connection, id="a", type="complete")
        say(connection, id="unknown", type="complete")
        say(connection, type="ping")
        assert hear(connection) == {"type": "pong"}


def test_leaving_stops_every_source(tiny: Running) -> None:
    watch.wait_open(0)
    with acknowledged(tiny) as connection:
        for number in range(5):
            subscribe(connection, str(number), "subscription { forever }")
        watch.wait_open(5)
    watch.wait_open(0)


def test_a_lost_connection_stops_every_source(tiny: Running) -> None:
    with acknowledged(tiny) as connection:
        subscribe(connection, "a", "subscription { forever }")
        watch.wait_open(1)
        connection.socket.shutdown(socket.SHUT_RDWR)
        watch.wait_open(0)


def test_ping_is_answered_with_its_payload_before_and_after_init(tiny: Running) -> None:
    with opened(tiny) as connection:
        say(connection, type="ping", payload={"n": 1})
        assert hear(connection) == {"type": "pong", "payload": {"n": 1}}
        say(connection, type="pong")
        say(connection, type="connection_init", payload={"authorization": "x"})
        assert hear(connection) == {"type": "connection_ack"}
        say(connection, type="ping", payload=None)
        assert hear(connection) == {"type": "pong"}


MALFORMED = [
    "",
    "nonsense",
    "7",
    "null",
    '"connection_init"',
    "[]",
    "{}",
    '{"type": 7}',
    '{"type": "start", "id": "a", "payload": {"query": "{ hello }"}}',
    '{"type": "connection_init", "payload": []}',
    '{"type": "ping", "payload": 1}',
    '{"type": "subscribe", "payload": {"query": "{ hello }"}}',
    '{"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}}',
    '{"type": "subscribe", "id": 1, "payload": {"query": "{ hello }"}}',
    '{"type": "subscribe", "id": "a"}',
    '{"type": "subscribe", "id": "a", "payload": {}}',
    '{"type": "subscribe", "id": "a", "payload": {"query": "{ hello }", "variables": []}}',
    '{"type": "complete"}',
    "[" * 30_000,
    "9" * 5_000,
]


@pytest.mark.parametrize("frame", MALFORMED)
def test_a_malformed_message_closes_with_4400(tiny: Running, frame: str) -> None:
    with opened(tiny) as connection:
        connection.send(frame)
        assert closing(connection)[0] == 4400


def test_a_binary_frame_closes_with_4400(tiny: Running) -> None:
    with opened(tiny) as connection:
        connection.send(b'{"type": "connection_init"}')
        assert closing(connection) == (4400, "Frames must be text")


def test_an_operation_before_init_closes_with_4401(tiny: Running) -> None:
    with opened(tiny) as connection:
        subscribe(connection, "a", "{ hello }")
        assert closing(connection) == (4401, "Unauthorized")


@pytest.mark.parametrize("protocols", [(), ("graphql-ws",), ("chat", "graphql-ws")])
def test_another_subprotocol_closes_with_4406(tiny: Running, protocols: tuple[str, ...]) -> None:
    offered = [Subprotocol(name) for name in protocols] or None
    with connect(tiny.socket_url, subprotocols=offered) as connection:
        assert connection.subprotocol is None
        assert closing(connection) == (4406, "Subprotocol not acceptable")


def test_the_protocol_is_chosen_among_others(tiny: Running) -> None:
    with opened(tiny, Subprotocol("graphql-ws"), PROTOCOL) as connection:
        assert connection.subprotocol == PROTOCOL


def test_no_init_in_time_closes_with_4408(tiny: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphql_socket, "INIT_SECONDS", 0.2)
    with opened(tiny) as connection:
        say(connection, type="ping")
        assert hear(connection) == {"type": "pong"}
        assert closing(connection) == (4408, "Connection initialisation timeout")


def test_an_id_in_use_closes_with_4409_and_stops_everything(tiny: Running) -> None:
    with acknowledged(tiny) as connection:
        long_id = "ä" * 200
        subscribe(connection, long_id, "subscription { forever }")
        assert hear(connection)["type"] == "next"
        subscribe(connection, long_id, "{ hello }")
        code, reason = closing(connection)
        assert code == 4409
        assert reason.startswith("Subscriber for ää")
        watch.wait_open(0)


def test_a_second_init_closes_with_4429(tiny: Running) -> None:
    with acknowledged(tiny) as connection:
        say(connection, type="connection_init")
        assert closing(connection) == (4429, "Too many initialisation requests")


def test_twenty_operations_at_once_and_no_more(tiny: Running) -> None:
    with acknowledged(tiny) as connection:
        for number in range(20):
            subscribe(connection, str(number), "subscription { forever }")
            assert hear(connection)["type"] == "next"
        subscribe(connection, "one more", "{ hello }")
        refused = hear(connection)
        assert (refused["id"], refused["type"]) == ("one more", "error")
        assert refused["payload"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"
        say(connection, id="0", type="complete")
        subscribe(connection, "one more", "{ hello }")
        assert hear(connection)["type"] == "next"
    watch.wait_open(0)


def test_a_frame_over_64_kib_is_refused(tiny: Running) -> None:
    with acknowledged(tiny) as connection:
        subscribe(connection, "a", "{ hello }" + " " * 70_000)
        assert closing(connection)[0] == 1009


@pytest.mark.parametrize("frames", [[b"\xff"], [b'{"type": "ping\xc3', b'"}'], [b"\xed\xa0\x80"]])
def test_broken_utf8_closes_with_1007_and_is_no_error_of_ours(
    tiny: Running, caplog: pytest.LogCaptureFixture, frames: list[bytes]
) -> None:
    with acknowledged(tiny) as connection:
        connection.send(iter(frames) if len(frames) > 1 else frames[0], text=True)
        assert closing(connection) == (1007, "")
    assert caplog.records == []


def test_empty_pieces_of_a_message_are_not_collected(tiny: Running) -> None:
    before = set(tiny.server.server_state.connections)
    with acknowledged(tiny) as connection:
        (ours,) = set(tiny.server.server_state.connections) - before
        # Text that goes on, pieces of it, all of them empty, and a ping, whose pong tells that they were read.
        connection.socket.sendall(b"\x01\x80mask" + b"\x00\x80mask" * 1000)
        assert connection.ping().wait(5)
        assert len(getattr(ours, "frames")) == 1  # noqa: B009 - only connections by WebSocket have them
        connection.socket.sendall(b"\x80\x80mask")
        assert closing(connection) == (4400, "Frames must be valid JSON")


def test_no_compression_is_negotiated(tiny: Running) -> None:
    with connect(tiny.socket_url, subprotocols=[PROTOCOL], compression="deflate") as connection:
        assert connection.response is not None
        assert "sec-websocket-extensions" not in connection.response.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_foreign_page_cannot_open_a_socket(tiny: Running, origin: str) -> None:
    with pytest.raises(InvalidStatus) as caught, opened(tiny, origin=origin):
        pass
    assert caught.value.response.status_code == 403


def test_a_page_of_this_machine_can_open_a_socket(tiny: Running) -> None:
    with opened(tiny, origin="http://localhost:3000") as connection:
        say(connection, type="connection_init")
        assert hear(connection) == {"type": "connection_ack"}


def test_a_shutdown_closes_with_1012() -> None:
    with serving_tiny_schema() as running, acknowledged(running) as connection:
        subscribe(connection, "a", "subscription { forever }")
        assert hear(connection)["type"] == "next"
        running.server.should_exit = True
        assert closing(connection)[0] == 1012
        running.thread.join(3)
        assert not running.thread.is_alive()
        watch.wait_open(0)
