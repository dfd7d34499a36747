"""Who asks too often is refused in the words of his transport, and a closed schema is closed on all of them."""

from __future__ import annotations

import json
from collections.abc import Generator

import httpx2
import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from server.settings import load_settings
from tests.server.tiny import Running, serving_tiny_schema
from tests.support.unship import Unship, serving

HELLO = {"query": "{ hello }"}


@pytest.fixture
def strict() -> Generator[Running]:
    """Three at once, and then hardly any."""
    with serving_tiny_schema(rate_per_second=0.01, rate_burst=3) as running:
        yield running


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json", "text/event-stream"])
def test_who_asks_too_often_by_http_is_told_when_to_come_back(strict: Running, accept: str) -> None:
    with httpx2.Client(headers={"accept": accept}, verify=False) as client:
        assert [client.post(strict.url, json=HELLO).status_code for _ in range(3)] == [200] * 3
        for refused in (client.post(strict.url, json=HELLO), client.get(strict.url, params=HELLO)):
            assert refused.status_code == 429
            assert 90 < int(refused.headers["retry-after"]) <= 100
            (error,) = refused.json()["errors"]
            assert error["extensions"]["code"] == "RATE_LIMITED"
            assert error["extensions"]["retryAfter"] == int(refused.headers["retry-after"])
        # Mutations have a bucket of their own, and what only looks like one takes from it.
        assert client.post(strict.url, json={"query": "{ hello } # mutation"}).status_code == 200
        assert client.post(strict.url, json={"query": "mutation { touch }"}).status_code == 200


def test_who_asks_too_often_by_socket_keeps_his_socket(strict: Running) -> None:
    with connect(strict.socket_url, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        socket.send('{"type": "connection_init"}')
        assert json.loads(socket.recv(5)) == {"type": "connection_ack"}
        for number in range(4):
            socket.send(json.dumps({"id": str(number), "type": "subscribe", "payload": HELLO}))
        heard = [json.loads(socket.recv(5)) for _ in range(7)]
        assert sorted(message["type"] for message in heard) == ["complete"] * 3 + ["error"] + ["next"] * 3
        (refused,) = (message for message in heard if message["type"] == "error")
        assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        socket.send('{"type": "ping"}')
        assert json.loads(socket.recv(5)) == {"type": "pong"}


@pytest.mark.parametrize(
    ("given", "shown"),
    [({}, True), ({"introspection": False}, False), ({"introspection": True}, True), ({"host": "::1"}, True)],
)
def test_the_schema_is_shown_in_development_only(given: dict[str, object], shown: bool) -> None:
    assert load_settings(**given).shows_schema is shown


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Generator[Unship]:
    with serving(tmp_path_factory.mktemp("closed"), introspection="false", max_depth="3") as unship:
        yield unship


def test_a_closed_server_shows_neither_schema_nor_guesses_nor_page(closed: Unship) -> None:
    for query in ("{ __schema { types { name } } }", '{ __type(name: "Service") { name } }'):
        for error in closed.post(query)["errors"]:
            assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
            assert "introspection" in error["message"]
    for query in ("{ viewr { subject } }", "query ($f: ServiceFilter) { services(filter: $f) { totalCount } }"):
        answer = closed.post(query, f={"serch": "a"})
        assert answer["errors"]
        assert "Did you mean" not in json.dumps(answer)
    page = httpx2.get(closed.url, headers={"accept": "text/html"})
    assert page.status_code == 406
    assert closed.data("{ __typename viewer { __typename } }")["__typename"] == "Query"


def test_settings_reach_the_guard(closed: Unship) -> None:
    (error,) = closed.post("{ services(first: 1) { nodes { pipelines: environments { rollbackStatus } } } }")[
        "errors"
    ]
    assert error["extensions"] == {"code": "TOO_DEEP", "limit": 3}
    answer = closed.post("{ services(first: 7) { nodes { name } } }")
    assert answer["extensions"]["cost"]["nodes"] == {"used": 7, "limit": 10_000}
    assert answer["extensions"]["cost"]["depth"] == {"used": 3, "limit": 3}
