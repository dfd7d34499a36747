"""As whom the server answers, and to which pages: on raw sockets, since clients mend what they send."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Generator

import pytest

from server.callers import Caller, Unauthenticated
from server.slow_readers import HttpConnection
from tests.server.test_request_heads import ANSWER, BODY, GET, HANDSHAKE, JSON, LENGTH, POST, ask
from tests.server.tiny import Running, serving_tiny_schema

CLOSE = b"Connection: close\r\n"


class ClosedDoor:
    """Nobody comes in."""

    async def admit(self, authorization: str | None, address: str | None) -> Caller:
        raise Unauthenticated("Not you.")

    async def ended(self, caller: Caller) -> Unauthenticated:
        await asyncio.Event().wait()
        raise AssertionError("nothing sets it")


@pytest.fixture(scope="module")
def closed() -> Generator[Running]:
    with serving_tiny_schema(ClosedDoor()) as running:
        yield running


HOSTS: list[tuple[list[bytes], int]] = [
    ([b"localhost:"], 200),
    ([b"LocalHost.:99"], 200),
    ([b"127.0.0.2"], 403),
    ([b"127.1"], 403),
    ([b"2130706433"], 403),
    ([b"0x7f.1"], 403),
    ([b"0.0.0.0"], 403),
    ([b"[::ffff:127.0.0.1]"], 403),
    ([b"evil.localhost"], 403),
    ([b"127.0.0.1.nip.io"], 403),
    ([], 400),
    ([b""], 400),
    ([b"localhost", b"localhost"], 400),
    ([b"localhost", b"evil.example"], 400),
    ([b"localhost, evil.example"], 400),
    ([b"localhost evil.example"], 400),
    ([b"localhost@evil.example"], 400),
    ([b"localhost/evil"], 400),
    ([b"localhost:8:8"], 400),
    ([b"::1"], 400),
    ([b"l\xf6calhost"], 400),
]


@pytest.mark.parametrize(("hosts", "status"), HOSTS)
def test_a_host_is_named_once_and_is_one_of_the_list(tiny: Running, hosts: list[bytes], status: int) -> None:
    named = b"".join(b"Host: " + host + b"\r\n" for host in hosts)
    answer = ask(tiny, b"POST /graphql HTTP/1.1\r\n" + named + JSON + LENGTH + CLOSE + b"\r\n" + BODY)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.endswith(ANSWER) == (status == 200)
    if status != 200:
        code = b'"FORBIDDEN_HOST"' if status == 403 else b'"BAD_REQUEST"'
        assert code in answer
        handshake = ask(tiny, b"GET /graphql HTTP/1.1\r\n" + named + HANDSHAKE + b"\r\n")
        assert handshake.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 "))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n", 403),
        (b"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n", 200),
        (b"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n", 200),
        (b"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\nOrigin: http://localhost:3000\r\n", 200),
        (b"Origin: http://localhost\r\nOrigin: http://localhost\r\n", 403),
        (b"Origin: \r\n", 403),
        (b"Origin: file://\r\n", 403),
        (b"Origin: ftp://localhost\r\n", 403),
        (b"Origin: http://localhost/\r\n", 403),
    ],
)
def test_what_a_foreign_page_loads_is_not_run(tiny: Running, headers: bytes, status: int) -> None:
    """An image or a script whose address is a query, which comes without an Origin."""
    assert ask(tiny, GET + CLOSE + headers + b"\r\n").startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("rest", [b"Expect: 100-continue\r\n\r\n", b'\r\n{"query": ' + b"x" * 20_000])
def test_a_stranger_is_refused_before_the_body_is_read(closed: Running, rest: bytes) -> None:
    before = set(closed.server.server_state.connections)
    with socket.create_connection(("127.0.0.1", closed.port), timeout=5) as connection:
        connection.sendall(POST + b"Content-Length: 60000\r\n" + rest)
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")
        (ours,) = set(closed.server.server_state.connections) - before
        assert isinstance(ours, HttpConnection)
        assert not ours.cycle.body


class FrankDoor(ClosedDoor):
    """Tells whoever it sends away as whom it has seen him."""

    async def admit(self, authorization: str | None, address: str | None) -> Caller:
        raise Unauthenticated(f"Not you, {address}.")


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        (b"", "127.0.0.1"),
        (b"X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"),
        (b"X-Forwarded-For: 192.0.2.1, 192.0.2.2\r\n", "192.0.2.2"),
        (b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"),
        (b"X-Forwarded-For: 192.0.2.1, nobody\r\n", "127.0.0.1"),
        (b"X-Forwarded-For: \r\n", "127.0.0.1"),
    ],
)
def test_only_the_proxy_of_the_operator_tells_addresses(told: bytes, seen: str) -> None:
    """What it has appended, and not what its client has sent; nobody else is believed, on this machine either."""
    for behind_proxy in (True, False):
        with serving_tiny_schema(FrankDoor(), behind_proxy=behind_proxy) as running:
            expected = f"Not you, {seen if behind_proxy else '127.0.0.1'}.".encode()
            assert expected in ask(running, GET + CLOSE + told + b"\r\n")
            with socket.create_connection(("127.0.0.1", running.port), timeout=5) as connection:
                connection.sendall(b"GET /graphql HTTP/1.1\r\nHost: localhost\r\n" + HANDSHAKE + told + b"\r\n")
                assert connection.recv(65536).startswith(b"HTTP/1.1 101 ")
                connection.sendall(b"\x81\x9a\0\0\0\0" + b'{"type":"connection_init"}')
                assert expected in connection.recv(65536)
