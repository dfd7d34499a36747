"""Heads of requests that are late, large or odd, and connections without end, on raw sockets."""

from __future__ import annotations

import json
import resource
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from server import graphql_http, request_heads
from tests.server.test_graphql_socket import acknowledged
from tests.server.tiny import Running, serving_tiny_schema

BODY = b'{"query": "{ hello }"}'
HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
ANSWER = b'{"data":{"hello":"hello world"}}'
POST = b"POST /graphql HTTP/1.1\r\n" + HOST + JSON
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
GET = b"GET /graphql?query=%7Bhello%7D HTTP/1.1\r\n" + HOST
HANDSHAKE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n"
)


@contextmanager
def connected(tiny: Running) -> Generator[socket.socket]:
    with socket.create_connection(("127.0.0.1", tiny.port), timeout=5) as connection:
        yield connection


def everything(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection; it must."""
    received = bytearray()
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    return bytes(received)


def ask(tiny: Running, *parts: bytes) -> bytes:
    """The answer to a request that is sent in these parts, the last of which asks for the end."""
    with connected(tiny) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
        return everything(connection)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n",
        b"GET /gra",
        GET,
        GET + b"\r\n" + GET,
        GET + b"\r\n\r\n",
        b"PUT /graphql HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nhalf",
    ],
)
def test_who_does_not_send_a_head_in_time_is_let_go(
    tiny: Running, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(request_heads, "HEAD_SECONDS", 0.2)
    assert ask(tiny, sent).count(b"HTTP/1.1 ") <= 1


def test_who_begins_another_request_has_no_more_time_for_it(
    tiny: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where anything has come, the server below no longer counts the time of an idle connection."""
    monkeypatch.setattr(request_heads, "HEAD_SECONDS", 0.5)
    for begun in (b"GET /gra", b"\r\n"):
        with connected(tiny) as connection:
            connection.sendall(GET + b"\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            connection.sendall(begun)
            everything(connection)


def test_a_body_has_its_time_as_well(tiny: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphql_http, "_BODY_SECONDS", 0.2)
    assert ask(tiny, POST + LENGTH + b"\r\n" + BODY[:-1]).startswith(b"HTTP/1.1 408 ")


def test_who_is_answered_may_take_longer(tiny: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_heads, "HEAD_SECONDS", 0.2)
    with connected(tiny) as connection, acknowledged(tiny) as follower:
        connection.sendall(POST + b"Connection: close\r\n" + LENGTH + b"\r\n")
        assert ask(tiny, b"") == b""
        connection.sendall(BODY)
        assert everything(connection).endswith(ANSWER)
        follower.send('{"type": "ping"}')
        assert json.loads(follower.recv(timeout=5)) == {"type": "pong"}


@pytest.mark.parametrize(
    "head",
    [
        GET + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
        GET + b"".join(b"X-%d: x\r\n" % number for number in range(20_000)) + b"\r\n",
        b"GET /graphql?" + b"x" * 60_000 + b" HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 6_000 + b"\r\n\r\n",
    ],
    ids=["one line", "many lines", "target"],
)
def test_a_head_over_64_kib_is_refused(tiny: Running, head: bytes) -> None:
    assert ask(tiny, head).startswith(b"HTTP/1.1 431 ")
    assert ask(tiny, GET + b"Connection: close\r\nX: " + b"x" * 60_000 + b"\r\n\r\n").endswith(ANSWER)


@pytest.mark.parametrize(
    "begun",
    [b"GET /", GET + b"X: ", GET + b"X", CHUNKED + b"\r\n1;", CHUNKED + b"\r\n1\r\n{\r\n0\r\nX: "],
)
def test_what_is_no_body_ends_somewhere(tiny: Running, begun: bytes) -> None:
    with connected(tiny) as connection:
        connection.sendall(begun)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(b"x" * 100_000_000)


def test_a_large_body_is_a_body() -> None:
    body = BODY.ljust(2_000_000)
    head = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with serving_tiny_schema() as running:
        assert ask(running, head, body).endswith(ANSWER)


def test_a_body_in_the_smallest_chunks_is_a_body(tiny: Running) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY.ljust(45_000))
    assert ask(tiny, CHUNKED + b"Connection: close\r\n\r\n", chunks, b"0\r\n\r\n").endswith(ANSWER)


def test_what_comes_after_the_body_is_no_header(tiny: Running) -> None:
    chunks = b"\r\n%x\r\n%b\r\n0\r\n" % (len(BODY), BODY)
    refused = b"Origin: https://evil.example\r\n"
    assert ask(tiny, CHUNKED + b"Connection: close\r\n" + chunks + refused + b"\r\n").endswith(ANSWER)
    assert b" 403 " in ask(tiny, CHUNKED + b"Connection: close\r\n" + refused + chunks + b"\r\n")


@pytest.mark.parametrize(
    "framed", [LENGTH + b"\r\n" + BODY, b"Transfer-Encoding: chunked\r\n\r\n16\r\n" + BODY + b"\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("at", [0, 10, 150, -5])
def test_a_client_that_offers_http_2_is_answered_by_http_1(tiny: Running, framed: bytes, at: int) -> None:
    """As those of Java do with every first request; the parser drops the body of one that offers something."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAA\r\n"
    request = POST + offer + framed
    last = POST + b"Connection: close\r\n" + LENGTH + b"\r\n" + BODY
    assert ask(tiny, request[:at], request[at:] + last).count(ANSWER) == 2


CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
LENGTHS = [
    LENGTH + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    b"Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n" + CHUNKS,
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + CHUNKS,
    b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS,
    b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKS,
    b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKS,
    b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS.replace(b"\r\n", b"\n"),
    LENGTH + b"Content-Length: 5\r\n\r\n" + BODY,
    LENGTH + LENGTH + b"\r\n" + BODY,
    LENGTH.replace(b": ", b": +") + b"\r\n" + BODY,
    LENGTH + b"X: a\nTransfer-Encoding: chunked\r\n\r\n" + BODY,
    LENGTH + b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n" + BODY,
    LENGTH + b"X: a\x00b\r\n\r\n" + BODY,
    LENGTH + b"\r\n" + BODY + b"what is left over\r\n\r\n",
]


@pytest.mark.parametrize("rest", LENGTHS)
def test_whose_length_could_be_read_in_two_ways_is_refused_and_let_go(tiny: Running, rest: bytes) -> None:
    """Lest a proxy before the server sees other requests than the server does."""
    answer = ask(tiny, POST + rest)
    assert answer[answer.rindex(b"HTTP/1.1 ") :].startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://localhost/graphql", 200),
        (b"http://[::1]:8000/graphql", 200),
        (b"http://evil.example/graphql", 403),
        (b"http://localhost@evil.example/graphql", 403),
    ],
)
def test_the_host_of_a_target_counts_more_than_the_header(tiny: Running, target: bytes, status: int) -> None:
    for host in (HOST, b"Host: evil.example\r\n"):
        head = b"POST " + target + b" HTTP/1.1\r\nConnection: close\r\n" + host + JSON + LENGTH
        assert ask(tiny, head + b"\r\n" + BODY).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(
    "more",
    [
        b"Content-Length: 9\r\n\r\nhalf",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"X: " + b"x" * 20_000 + b"\r\n\r\n",
        b"".join(b"X-%d: x\r\n" % number for number in range(200)) + b"\r\n",
    ],
    ids=["length", "chunks", "long line", "many lines"],
)
def test_a_handshake_that_cannot_be_read_is_refused(tiny: Running, more: bytes) -> None:
    assert ask(tiny, b"GET /graphql HTTP/1.1\r\n" + HOST + HANDSHAKE + more).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("version", [b"8", b"14", b"x", b"13, 8"])
def test_another_version_of_websocket_is_told_the_one_that_is_spoken(tiny: Running, version: bytes) -> None:
    handshake = HANDSHAKE.replace(b"Version: 13", b"Version: " + version)
    answer = ask(tiny, b"GET /graphql HTTP/1.1\r\n" + HOST + handshake + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 426 ")
    assert b"\r\nsec-websocket-version: 13\r\n" in answer


def test_a_tunnel_is_not_made(tiny: Running) -> None:
    for head in (HOST, HOST + b"Connection: Upgrade, close\r\nUpgrade: h2c\r\n"):
        with connected(tiny) as connection:
            connection.sendall(b"CONNECT /graphql HTTP/1.1\r\n" + head + b"\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 405 ")


def test_connections_beyond_the_bound_are_not_taken(tiny: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_heads, "most_connections", lambda: 3)
    with ExitStack() as end:
        held = [end.enter_context(connected(tiny)) for _ in range(3)]
        for connection in held:
            connection.sendall(GET + b"\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        with connected(tiny) as refused:
            assert everything(refused) == b""
        held[0].sendall(GET + b"Connection: close\r\n\r\n")
        everything(held[0])
        assert ask(tiny, GET + b"Connection: close\r\n\r\n").endswith(ANSWER)


def test_descriptors_are_left_for_other_things() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
        assert request_heads.most_connections() == 1024 - 256
        request_heads.raise_descriptors()
        raised = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert raised == (min(before[1], 10_256), before[1])
        assert request_heads.most_connections() == raised[0] - 256
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
        assert request_heads.most_connections() == 150
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
