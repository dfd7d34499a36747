"""The end of a server under load: what is refused, what is finished, what is closed, and within which time."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.server.test_graphql_socket import closing_at_last
from tests.server.ward import WAITING, Ward
from tests.support.unship import Unship, free_port, serving

MUTATION = json.dumps(
    {"query": 'mutation { runPipeline(input: {pipelineIdentifier: "x"}) { userErrors { code } } }'}
)
CONNECTORS = "connectors: []\nsecrets: [{identifier: never, ref: file:secret}]\n"
STUCK = """
pipeline:
  identifier: stuck
  name: stuck
  stages:
    - stage:
        identifier: read
        name: read
        type: Custom
        spec:
          execution:
            steps:
              - step:
                  identifier: script
                  name: script
                  type: ShellScript
                  spec: {shell: Bash, source: {type: Inline, spec: {script: 'echo <+secrets.getValue("never")>'}}}
                  timeout: 1m
"""
FOLLOW = "subscription { executionsChanged { id } }"


@contextmanager
def working(directory: Path, **settings: str) -> Generator[Ward]:
    port = free_port()
    with serving(directory, operations_port=str(port), log_format="json", **settings) as unship:
        yield Ward(unship, port)


@contextmanager
def half_sent(unship: Unship, body: str) -> Generator[socket.socket]:
    """A connection with a POST of which all but the last byte has arrived, for certain."""
    with socket.create_connection(("127.0.0.1", unship.port), timeout=10) as connection:
        head = (
            "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode())
        # The server asks for the body when the application does, so the request is under way from here on.
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(body[:-1].encode())
        yield connection


@contextmanager
def followed(unship: Unship) -> Generator[ClientConnection]:
    """A WebSocket with a subscription that is open."""
    protocol = Subprotocol("graphql-transport-ws")
    with connect(unship.url.replace("http", "ws"), subprotocols=[protocol], compression=None) as connection:
        connection.send('{"type": "connection_init"}')
        assert json.loads(connection.recv(5)) == {"type": "connection_ack"}
        connection.send(json.dumps({"id": "a", "type": "subscribe", "payload": {"query": FOLLOW}}))
        connection.send('{"type": "ping"}')
        assert json.loads(connection.recv(5)) == {"type": "pong"}
        yield connection


def tell(unship: Unship) -> None:
    """SIGTERM, and no waiting."""
    assert unship.process is not None
    unship.process.send_signal(signal.SIGTERM)


def ended(unship: Unship) -> int:
    assert unship.process is not None
    return unship.process.wait(timeout=30)


def until_not_ready(ward: Ward) -> None:
    deadline = time.monotonic() + 10
    while (answer := ward.get("/readyz")).status_code == 200:
        assert time.monotonic() < deadline, "it stays ready"
    assert (answer.status_code, answer.text) == (503, "shutting down\n")


def read_answer(connection: socket.socket) -> tuple[int, str]:
    received = b""
    while chunk := connection.recv(4096):
        received += chunk
    return int(received.split(b" ", 2)[1]), received.decode()


def test_it_leaves_in_order(tmp_path: Path) -> None:
    """Half of a request has arrived, a socket is open and an execution runs: each gets what it is promised."""
    with working(tmp_path) as ward:
        unship = ward.unship
        assert unship.apply(WAITING) == []
        execution = unship.run("waiting")
        with half_sent(unship, MUTATION) as request, followed(unship) as follower:
            tell(unship)
            until_not_ready(ward)
            assert closing_at_last(follower)[0] == 1012
            assert ward.get("/livez").status_code == 200
            request.sendall(MUTATION[-1:].encode())
            status, answer = read_answer(request)
            assert status == 503
            assert "retry-after: 1" in answer.lower()
            assert '"UNAVAILABLE"' in answer
        assert ended(unship) == 0
        messages = [line["message"] for line in ward.lines() if line["logger"] != "dbos"]
        assert messages[-3:] == [
            "Unship is leaving: it is not ready, and takes no new mutations",
            "execution let go: whoever serves next takes it up again",
            "Unship has ended in order",
        ]
        unship.start()
        unship.abort(execution)
        assert unship.finish(execution) == "ABORTED"


def test_while_it_drains_it_answers_what_changes_nothing(tmp_path: Path) -> None:
    with working(tmp_path, drain_seconds="4") as ward:
        tell(ward.unship)
        until_not_ready(ward)
        base = ward.unship.url.removesuffix("/graphql")
        assert httpx2.get(f"{base}/readyz").status_code == 503
        assert ward.unship.data("{ viewer { subject } }") == {"viewer": {"subject": "anonymous"}}
        headers = {"content-type": "application/json"}
        refused = httpx2.post(ward.unship.url, content=MUTATION, headers=headers)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        streamed = httpx2.post(
            ward.unship.url, content=MUTATION, headers={**headers, "accept": "text/event-stream"}
        )
        assert '"UNAVAILABLE"' in streamed.text
        assert ward.value("unship_operations_total", type="mutation", outcome="refused") == 2
        assert ended(ward.unship) == 0


def test_half_a_body_holds_the_end_up_no_longer_than_it_may(tmp_path: Path) -> None:
    with working(tmp_path, shutdown_seconds="1") as ward, half_sent(ward.unship, MUTATION) as request:
        tell(ward.unship)
        until_not_ready(ward)
        assert read_answer(request)[0] == 503
        assert ended(ward.unship) == 0
        assert "Traceback" not in ward.unship.log


def test_a_process_in_which_nothing_moves_any_more_ends_too(tmp_path: Path) -> None:
    """A secret's file that never ends holds the event loop, which is then deaf to everything."""
    secret = tmp_path / "secret"
    os.mkfifo(secret)
    (tmp_path / "connectors.yaml").write_text(CONNECTORS)
    with working(tmp_path, shutdown_seconds="1", connectors=str(tmp_path / "connectors.yaml")) as ward:
        assert ward.unship.apply(STUCK) == []
        ward.unship.run("stuck")
        with written_to(secret):
            tell(ward.unship)
            assert ended(ward.unship) == 1
        assert "Timeout (0:00:06)!" in ward.unship.log


@contextmanager
def written_to(fifo: Path) -> Generator[None]:
    """From when somebody reads it; nothing is written."""
    deadline = time.monotonic() + 20
    while True:
        try:
            writing = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError:
            assert time.monotonic() < deadline, "nobody reads it"
            time.sleep(0.01)
    try:
        yield
    finally:
        os.close(writing)
