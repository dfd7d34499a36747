"""GraphQL over HTTP as the specification has it, on a real socket. Section names refer to the specification."""

import json
import socket
from typing import Any

import httpx2
import pytest

from tests.server.tiny import Running, watch

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
JSON_HEADERS = {"content-type": JSON}


def post(http: httpx2.Client, body: Any, accept: str | None = JSON, **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {**JSON_HEADERS, "accept": accept or "", **headers}
    return http.post("/graphql", content=content, headers={name: value for name, value in sent.items() if value})


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (GRAPHQL, GRAPHQL),
        (JSON, JSON),
        ("*/*", JSON),
        (None, "*"),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", JSON),
        (f"{JSON};q=0.5, {GRAPHQL};q=0.9", GRAPHQL),
        (f"{GRAPHQL};q=0.1, application/*;q=0.2", JSON),
        (f"{GRAPHQL}; charset=utf-8, {JSON}; charset=utf-8", GRAPHQL),
        (f"{GRAPHQL};q=0, */*", JSON),
        ("text/html, application/json;q=0.9, */*;q=0.8", JSON),
        ("APPLICATION/JSON", JSON),
    ],
)
def test_the_answer_has_the_media_type_that_accept_asks_for(
    http: httpx2.Client, accept: str | None, answered: str
) -> None:
    response = post(http, {"query": "{ hello }"}, accept)
    assert response.status_code == 200
    assert response.json() == {"data": {"hello": "hello world"}}
    expected = JSON if answered == "*" else answered
    assert response.headers["content-type"] == f"{expected}; charset=utf-8"


def raw(tiny: Running, length: int, body: bytes) -> bytes:
    """The answer to a request without an Accept header that promises a body of that length."""
    head = f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {JSON}\r\nContent-Length: {length}\r\n"
    with socket.create_connection(("127.0.0.1", tiny.port), timeout=5) as connection:
        connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + body)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_client_without_accept_gets_the_type_that_the_specification_asks_for(tiny: Running) -> None:
    body = b'{"query": "{"}'
    answer = raw(tiny, len(body), body)
    assert answer.startswith(b"HTTP/1.1 400")
    assert f"content-type: {GRAPHQL}; charset=utf-8".encode() in answer


@pytest.mark.parametrize("accept", ["text/plain", "image/*", f"{JSON};q=0", f"{JSON}; charset=utf-16", "nonsense"])
def test_what_cannot_be_accepted_is_refused_with_406(http: httpx2.Client, accept: str) -> None:
    response = post(http, {"query": "mutation { touch }"}, accept)
    assert response.status_code == 406
    assert response.json()["errors"][0]["extensions"] == {"code": "NOT_ACCEPTABLE"}


def test_of_an_endless_accept_the_beginning_counts(http: httpx2.Client) -> None:
    assert post(http, {"query": "{ hello }"}, f"{JSON}, {'a/b,' * 10_000}").status_code == 200
    assert post(http, {"query": "{ hello }"}, f"{'a/b,' * 10_000} {JSON}").status_code == 406


REQUEST_ERRORS = [
    ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
    ({"query": ""}, "GRAPHQL_PARSE_FAILED"),
    ({"query": "\x00"}, "GRAPHQL_PARSE_FAILED"),
    ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "query A { hello }", "operationName": "B"}, "OPERATION_RESOLUTION_FAILURE"),
    ({"query": "query A { hello } query B { hello }"}, "OPERATION_RESOLUTION_FAILURE"),
    ({"query": "fragment F on Query { hello }"}, "OPERATION_RESOLUTION_FAILURE"),
    ({"query": "query ($v: Int!) { number(value: $v) }", "variables": {"v": "x"}}, "BAD_USER_INPUT"),
    ({"query": "query ($v: Int!) { number(value: $v) }"}, "BAD_USER_INPUT"),
    ({"query": "subscription { count(to: 1) }"}, "SUBSCRIPTION_NEEDS_STREAM"),
]


@pytest.mark.parametrize(("body", "code"), REQUEST_ERRORS)
def test_a_request_error_is_400_without_data_or_200_for_the_old_type(
    http: httpx2.Client, body: dict[str, Any], code: str
) -> None:
    for accept, status in ((GRAPHQL, 400), (JSON, 200)):
        response = post(http, body, accept)
        assert response.status_code == status
        assert list(response.json()) == ["errors"]
        assert response.json()["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize(
    ("query", "data"),
    [("{ nullableBoom hello }", {"nullableBoom": None, "hello": "hello world"}), ("{ boom }", None)],
)
def test_a_field_error_is_200_with_data(http: httpx2.Client, query: str, data: Any) -> None:
    for accept in (GRAPHQL, JSON):
        response = post(http, {"query": query}, accept)
        assert response.status_code == 200
        assert response.json()["data"] == data
        assert len(response.json()["errors"]) == 1


MALFORMED = [
    b"",
    b"NONSENSE",
    b'{"query":',
    b"null",
    b'"{ hello }"',
    b"7",
    b"[]",
    b'[{"query": "{ hello }"}]',
    b"{}",
    b'{"qeury": "{ hello }"}',
    b'{"query": null}',
    b'{"query": 7}',
    b'{"query": ["{ hello }"]}',
    b'{"query": "{ hello }", "variables": [7]}',
    b'{"query": "{ hello }", "variables": "{}"}',
    b'{"query": "{ hello }", "operationName": {}}',
    b'{"query": "{ hello }", "extensions": 1}',
    b'{"query": "{ hello }", "variables": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    b'{"query": "{ hello }", "variables": {"a": ' + b"9" * 5_000 + b"}}",
    b'{"query": "{ hello }", "variables": {"a": NaN}}',
    b'{"query": "{ hello(name: \\"\\ud800\\") }"}',
    b'\xef\xbb\xbf{"query": "{ hello }"}',
    b'{"query": "\xff\xfe"}',
    b"\x00",
]


@pytest.mark.parametrize("body", MALFORMED)
def test_a_malformed_request_is_400_whatever_the_type(http: httpx2.Client, body: bytes) -> None:
    for accept in (GRAPHQL, JSON):
        response = post(http, body, accept)
        assert response.status_code == 400
        assert response.headers["content-type"] == f"{accept}; charset=utf-8"
        (error,) = response.json()["errors"]
        assert error["extensions"] == {"code": "BAD_REQUEST"}
        assert "Traceback" not in response.text


def test_a_batch_is_refused_in_words(http: httpx2.Client) -> None:
    assert "Batching" in post(http, [{"query": "{ hello }"}]).json()["errors"][0]["message"]


HOSTILE_DOCUMENTS = [
    "{ number(value: " + "9" * 5_000 + ") }",
    "{ echo(value: " + "9" * 5_000 + ") }",
    "{ echo(value: " + "[" * 3_000 + "]" * 3_000 + ") }",
    "{" + " hello {" * 3_000 + "}" * 3_000 + "}",
    'query { hello(name: "\\uD800") }',
    'query { hello(name: "a\x00b") }',
    "query ($v: " + "[" * 3_000 + "Int" + "]" * 3_000 + ") { hello }",
]


@pytest.mark.parametrize("query", HOSTILE_DOCUMENTS)
def test_a_hostile_document_never_gives_a_server_error(http: httpx2.Client, query: str) -> None:
    for accept in (GRAPHQL, JSON):
        response = post(http, {"query": query}, accept)
        assert response.status_code in (200, 400)
        assert "Traceback" not in response.text


def test_values_that_json_can_carry_come_back_unchanged(http: httpx2.Client) -> None:
    values: list[Any] = ["a\x00b", 2**53, -0.5, "\u2028\U0001f680", {"": []}, None, True]
    response = post(http, {"query": "query ($v: JSON!) { echo(value: $v) }", "variables": {"v": values}})
    assert response.json() == {"data": {"echo": values}}


def test_null_parameters_and_unknown_ones_are_as_if_absent(http: httpx2.Client) -> None:
    nothing: dict[str, Any] = {
        "variables": None,
        "operationName": None,
        "extensions": None,
        "id": 1,
        "doc_id": "x",
    }
    assert post(http, {"query": "{ hello }", **nothing}).json() == {"data": {"hello": "hello world"}}


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/graphql",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
    ],
)
def test_another_content_type_is_refused_with_415(http: httpx2.Client, content_type: str) -> None:
    response = http.post(
        "/graphql",
        content=b'{"query": "mutation { touch }"}',
        headers={"accept": JSON} | ({"content-type": content_type} if content_type else {}),
    )
    assert response.status_code == 415


def test_a_compressed_body_is_refused_with_415(http: httpx2.Client) -> None:
    assert post(http, {"query": "{ hello }"}, **{"content-encoding": "gzip"}).status_code == 415


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])
def test_a_content_type_with_utf8_is_taken(http: httpx2.Client, content_type: str) -> None:
    body = json.dumps({"query": '{ hello(name: "Run🏃") }'}, ensure_ascii=False).encode()
    response = post(http, body, **{"content-type": content_type})
    assert response.json() == {"data": {"hello": "hello Run🏃"}}


def test_a_body_over_the_limit_is_refused_with_413_before_it_is_read(http: httpx2.Client, tiny: Running) -> None:
    assert raw(tiny, 10**9, b"").startswith(b"HTTP/1.1 413")
    too_long = b'{"query": "' + b" " * 70_000 + b'"}'
    assert post(http, too_long).status_code == 413
    chunked = http.post("/graphql", content=iter([too_long]), headers={**JSON_HEADERS, "accept": JSON})
    assert chunked.status_code == 413
    assert post(http, b'{"query": "{ hello }"}' + b" " * 60_000).status_code == 200


def test_get_runs_queries_with_encoded_variables(http: httpx2.Client) -> None:
    parameters = {"query": "query A($n: String!) { hello(name: $n) } query B { hello }", "operationName": "A"}
    response = http.get("/graphql", params={**parameters, "variables": '{"n": "ü & +"}', "extensions": ""})
    assert response.json() == {"data": {"hello": "hello ü & +"}}
    assert response.headers["content-type"] == f"{JSON}; charset=utf-8"


@pytest.mark.parametrize("accept", [GRAPHQL, JSON, "text/event-stream"])
def test_get_refuses_mutations_with_405_and_runs_nothing(http: httpx2.Client, accept: str) -> None:
    before = watch.produced
    response = http.get("/graphql", params={"query": "mutation { touch }"}, headers={"accept": accept})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert watch.produced == before
    named = {"query": "query A { hello } mutation B { touch }", "operationName": "B"}
    assert http.get("/graphql", params=named, headers={"accept": accept}).status_code == 405


@pytest.mark.parametrize(
    "parameters", [{}, {"query": "{ hello }", "variables": "{"}, {"query": "{ hello }", "variables": "[1]"}]
)
def test_get_refuses_malformed_parameters_with_400(http: httpx2.Client, parameters: dict[str, str]) -> None:
    assert http.get("/graphql", params=parameters, headers={"accept": JSON}).status_code == 400


def test_get_with_broken_utf8_is_no_server_error(http: httpx2.Client) -> None:
    response = http.get("/graphql?query=%7Bhello(name:%22%ED%A0%80%FF%22)%7D", headers={"accept": JSON})
    assert response.status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
def test_other_methods_are_refused_with_405(http: httpx2.Client, method: str) -> None:
    response = http.request(method, "/graphql")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


def test_a_browser_gets_the_page_and_a_client_does_not(http: httpx2.Client) -> None:
    page = http.get("/graphql", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert http.get("/graphql").status_code == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "LOCALHOST:1"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "localhost:8000@evil.example"}, 400),
        ({"origin": "http://localhost:3000"}, 200),
        ({"origin": "https://127.0.0.1"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://localhost.evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_only_known_hosts_and_pages_may_call(http: httpx2.Client, headers: dict[str, str], status: int) -> None:
    assert post(http, {"query": "{ hello }"}, **headers).status_code == status


def test_a_page_of_a_known_origin_may_call_across_ports(http: httpx2.Client) -> None:
    asked = {
        "origin": "http://localhost:3000",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    preflight = http.options("/graphql", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "http://localhost:3000"
    response = post(http, {"query": "{ hello }"}, origin="http://localhost:3000")
    assert response.headers["access-control-allow-origin"] == "http://localhost:3000"
