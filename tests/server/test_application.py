"""The transports in front of the real schema: one rule on all of them."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from demo.client import Client
from demo.operations import PROGRESS
from tests.support.unship import ROOT, Unship

Errors = Callable[[Unship, dict[str, Any]], list[dict[str, Any]]]


def by_post(unship: Unship, body: dict[str, Any]) -> list[dict[str, Any]]:
    response = httpx2.post(unship.url, json=body, headers={"accept": "application/graphql-response+json"})
    assert response.status_code == 400
    assert "data" not in response.json()
    return response.json()["errors"]


def by_events(unship: Unship, body: dict[str, Any]) -> list[dict[str, Any]]:
    response = httpx2.post(unship.url, json=body, headers={"accept": "text/event-stream"})
    texts = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    (payload,) = map(json.loads, filter(None, texts))
    assert "data" not in payload
    return payload["errors"]


def by_socket(unship: Unship, body: dict[str, Any]) -> list[dict[str, Any]]:
    with connect(unship.url.replace("http", "ws"), subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        socket.send('{"type": "connection_init"}')
        socket.send(json.dumps({"id": "a", "type": "subscribe", "payload": body}))
        assert json.loads(socket.recv(5))["type"] == "connection_ack"
        message = json.loads(socket.recv(5))
    assert message["type"] == "error"
    return message["payload"]


REQUESTS = [
    ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
    ({"query": ""}, "GRAPHQL_PARSE_FAILED"),
    ({"query": "\ufeff\x00"}, "GRAPHQL_PARSE_FAILED"),
    ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "{" + " viewer {" * 3_000 + "}" * 3_000 + "}"}, "TOO_MANY_TOKENS"),
    ({"query": "{ " + " ".join(f"a{n}: __typename" for n in range(2_500)) + " }"}, "TOO_MANY_TOKENS"),
    ({"query": "{ " + " ".join(f"a{n}: __typename" for n in range(16)) + " }"}, "TOO_MANY_ALIASES"),
    ({"query": "{ services(first: 100) { nodes { instances(first: 101) { nodes { id } } } } }"}, "TOO_MANY_NODES"),
    ({"query": "{ viewer { subject } } query A { viewer { subject } }"}, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "query A { __typename } query B { __typename }"}, "OPERATION_RESOLUTION_FAILURE"),
    ({"query": "query A { __typename }", "operationName": "B"}, "OPERATION_RESOLUTION_FAILURE"),
    ({"query": "fragment F on Query { __typename }"}, "OPERATION_RESOLUTION_FAILURE"),
]


@pytest.mark.parametrize("errors_of", [by_post, by_events, by_socket])
@pytest.mark.parametrize(("body", "code"), REQUESTS)
def test_a_request_error_is_the_same_on_every_transport(
    unship: Unship, body: dict[str, Any], code: str, errors_of: Errors
) -> None:
    errors = errors_of(unship, body)
    assert errors[0]["extensions"]["code"] == code
    assert {name for error in errors for name in error} <= {"message", "locations", "extensions"}


def test_a_subscription_is_the_same_by_socket_and_by_events(unship: Unship) -> None:
    assert unship.apply((ROOT / "examples" / "kubernetes.yaml").read_text()) == []
    execution = unship.run("web", tag="stable-perl")
    client = Client(unship.url)
    by_socket = [
        event["sequence"]
        for data in client.stream(PROGRESS, {"id": execution})
        for event in data["executionProgress"]["events"]
    ]
    client.close()
    assert by_socket == list(range(1, len(by_socket) + 1))
    assert [event["sequence"] for event in unship.events(execution)] == by_socket


def test_configuration_of_one_mebibyte_fits_into_a_request(unship: Unship) -> None:
    assert unship.apply('# "quoted"\n' * 95_000) != []
    response = httpx2.post(unship.url, json={"query": "{ __typename }", "x": "y" * 2 * 1024 * 1024})
    assert response.status_code == 413


def test_the_log_of_it_all_is_quiet(unship: Unship) -> None:
    """What clients do wrong is theirs: neither tracebacks nor their texts are for the operator's log."""
    assert "Traceback" not in unship.log
    assert "viewer" not in unship.log


def test_the_explorer_page_is_served_to_browsers(unship: Unship) -> None:
    page = httpx2.get(unship.url.removesuffix("graphql"), headers={"accept": "text/html"}, follow_redirects=True)
    assert page.status_code == 200
    assert page.text == (Path(ROOT) / "server" / "explorer.html").read_text()


@pytest.mark.parametrize(
    ("path", "by_address"),
    [("/", 403), ("/graphql", 403), ("/graphql/", 404), ("/livez", 200), ("/readyz", 200)],
)
def test_every_route_has_its_list(unship: Unship, path: str, by_address: int) -> None:
    def status(host: str) -> int:
        answer = unship.client.get(unship.url.replace("/graphql", path), headers={"host": host})
        assert host not in answer.headers.get("location", "")
        return answer.status_code

    assert status("evil.example") == (404 if by_address == 404 else 403)
    assert status("10.0.0.7:8000") == status("[fd00::7]") == by_address


def test_supervisors_may_name_no_host(unship: Unship) -> None:
    for path, answered in ((b"/livez", b"200"), (b"/graphql", b"400")):
        with socket.create_connection(("127.0.0.1", unship.port), timeout=5) as connection:
            connection.sendall(b"GET " + path + b" HTTP/1.0\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 " + answered)
