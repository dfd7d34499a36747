"""GraphQL over Server-Sent Events: the distinct-connections mode of graphql-sse, on a real socket."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.server.tiny import Running, serving_tiny_schema, watch

HEADERS = {"accept": "text/event-stream", "content-type": "application/json"}


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """(event, decoded data) of a stream; comments are left out."""
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data:"):
            text = line.removeprefix("data:").strip()
            yield name, json.loads(text) if text else None


def run(http: httpx2.Client, query: str, method: str = "POST") -> list[tuple[str, Any]]:
    body: dict[str, Any] = {"json": {"query": query}} if method == "POST" else {"params": {"query": query}}
    with http.stream(method, "/graphql", headers=HEADERS, **body) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        return list(events(response.iter_lines()))


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_subscription_is_a_stream_of_next_and_one_complete(http: httpx2.Client, method: str) -> None:
    counted = [("next", {"data": {"count": number}}) for number in range(3)]
    assert run(http, "subscription { count(to: 3) }", method) == [*counted, ("complete", None)]


@pytest.mark.parametrize(
    ("query", "data"), [("{ hello }", {"hello": "hello world"}), ("mutation { touch }", {"touch": True})]
)
def test_queries_and_mutations_stream_too(http: httpx2.Client, query: str, data: Any) -> None:
    assert run(http, query) == [("next", {"data": data}), ("complete", None)]


@pytest.mark.parametrize("query", ["{", "subscription { nothing }", "subscription { count }", ""])
def test_a_request_error_is_a_next_with_errors_and_without_data(http: httpx2.Client, query: str) -> None:
    (name, body), last = run(http, query)
    assert name == "next"
    assert list(body) == ["errors"]
    assert "code" in body["errors"][0]["extensions"]
    assert last == ("complete", None)


def test_a_source_that_breaks_ends_the_stream_in_order(http: httpx2.Client) -> None:
    *_, (name, body), last = run(http, "subscription { breaks }")
    assert name == "next"
    assert body["errors"]
    assert last == ("complete", None)


def test_a_client_that_takes_streams_too_gets_one_where_it_needs_one(http: httpx2.Client) -> None:
    accept = "application/graphql-response+json, application/json, text/event-stream"
    for query, answered in (("subscription { count(to: 1) }", "text/event-stream"), ("{ hello }", "application/")):
        response = http.post("/graphql", json={"query": query}, headers={"accept": accept})
        assert response.headers["content-type"].startswith(answered)


def test_a_malformed_request_is_an_ordinary_400(http: httpx2.Client) -> None:
    response = http.post("/graphql", content=b"[1]", headers=HEADERS)
    assert response.status_code == 400
    assert response.headers["content-type"].startswith("application/json")


def test_the_stream_opens_at_once_and_ends_with_the_client(http: httpx2.Client) -> None:
    watch.wait_open(0)
    with http.stream("POST", "/graphql", headers=HEADERS, json={"query": "subscription { forever }"}) as response:
        lines = response.iter_lines()
        assert next(lines) == ":"
        assert next(events(lines)) == ("next", {"data": {"forever": "x"}})
        watch.wait_open(1)
    watch.wait_open(0)


def test_a_reader_that_stops_holds_the_source_back(http: httpx2.Client) -> None:
    watch.wait_open(0)
    before = watch.produced
    query = "subscription { forever(size: 100000) }"
    with http.stream("POST", "/graphql", headers=HEADERS, json={"query": query}) as response:
        # Kept in a variable: an iterator that is thrown away closes the connection.
        lines = response.iter_lines()
        next(events(lines))
        watch.wait_open(1)
        with watch.changed:
            while watch.changed.wait(timeout=0.5):
                pass
        # What fits into the sockets' buffers on both sides, at 100 kB a piece.
        assert watch.produced - before < 200
        watch.wait_open(1)
    watch.wait_open(0)


def test_a_shutdown_ends_the_stream_without_complete() -> None:
    with serving_tiny_schema() as running, httpx2.Client(timeout=10, verify=False) as client:
        url = running.url
        with client.stream("POST", url, headers=HEADERS, json={"query": "subscription { forever }"}) as response:
            received = events(response.iter_lines())
            assert next(received)[0] == "next"
            running.server.should_exit = True
            assert list(received) == []
        assert_stopped(running)


def assert_stopped(running: Running) -> None:
    running.thread.join(2)
    assert not running.thread.is_alive(), "an open stream held the shutdown"
