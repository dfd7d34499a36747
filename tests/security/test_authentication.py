"""Machine tokens on every transport of a real server: who has one is named by it, who has a bad one stays out."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.security.books import tamper
from tests.security.operator import Operator
from tests.support.unship import Unship

WHO = "{ viewer { subject } }"
UNKNOWN = "unship_" + "A" * 43


@pytest.fixture(scope="module")
def operator(unship: Unship) -> Operator:
    return Operator(unship.directory / "data")


@pytest.fixture(scope="module")
def good(operator: Operator) -> str:
    return operator.token("good")


@pytest.fixture(scope="module")
def revoked(operator: Operator) -> str:
    token = operator.token("revoked")
    operator.done("token", "revoke", "revoked")
    return token


@pytest.fixture(scope="module")
def expired(unship: Unship, operator: Operator) -> str:
    token = operator.token("expired")
    expire(unship, "expired")
    return token


def expire(unship: Unship, name: str) -> None:
    database = f"sqlite:///{unship.directory}/data/unship.db"
    tamper(
        database, "UPDATE machinetoken SET expires_at = '2026-01-01 00:00:00.000000' WHERE name = :name", name=name
    )


def post(unship: Unship, authorization: str | None, accept: str = "application/json") -> httpx2.Response:
    headers = {"accept": accept} | ({"authorization": authorization} if authorization is not None else {})
    return httpx2.post(unship.url, json={"query": WHO}, headers=headers, verify=False)


@contextmanager
def opened(unship: Unship, payload: Any = None, header: str | None = None) -> Generator[ClientConnection]:
    with connect(
        unship.url.replace("http", "ws"),
        subprotocols=[Subprotocol("graphql-transport-ws")],
        additional_headers={"Authorization": header} if header else None,
    ) as connection:
        connection.send(json.dumps({"type": "connection_init", "payload": payload}))
        yield connection


def subject_of(connection: ClientConnection) -> str:
    assert json.loads(connection.recv(5)) == {"type": "connection_ack"}
    connection.send(json.dumps({"id": "a", "type": "subscribe", "payload": {"query": WHO}}))
    subject: str = json.loads(connection.recv(5))["payload"]["data"]["viewer"]["subject"]
    return subject


def closing(connection: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        connection.recv(10)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


def test_a_token_names_the_caller_on_every_transport(unship: Unship, good: str) -> None:
    bearer = f"Bearer {good}"
    assert post(unship, bearer).json()["data"] == {"viewer": {"subject": "good"}}
    assert post(unship, f"bearer  {good}").json()["data"] == {"viewer": {"subject": "good"}}
    got = httpx2.get(unship.url, params={"query": WHO}, headers={"authorization": bearer})
    assert got.json()["data"] == {"viewer": {"subject": "good"}}
    assert '"subject":"good"' in post(unship, bearer, "text/event-stream").text
    with opened(unship, {"authorization": bearer}) as connection:
        assert subject_of(connection) == "good"
    with opened(unship, header=bearer) as connection:
        assert subject_of(connection) == "good"


def test_without_credentials_the_caller_stays_anonymous(unship: Unship) -> None:
    assert post(unship, None).json()["data"] == {"viewer": {"subject": "anonymous"}}
    for payload in (None, {}, {"authorization": None}):
        with opened(unship, payload) as connection:
            assert subject_of(connection) == "anonymous"


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json", "text/event-stream"])
@pytest.mark.parametrize("kind", ["unknown", "revoked", "expired"])
def test_a_bad_token_is_401(unship: Unship, kind: str, accept: str, request: pytest.FixtureRequest) -> None:
    token = UNKNOWN if kind == "unknown" else request.getfixturevalue(kind)
    answer = post(unship, f"Bearer {token}", accept)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    body = answer.json()
    assert list(body) == ["errors"]
    assert body["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


MALFORMED = [
    "",
    "Bearer",
    "Basic dXNlcjpwYXNz",
    "x",
    f"Bearer {UNKNOWN} {UNKNOWN}",
    "Bearer ' OR 1=1 --",
    f"Bearer {UNKNOWN}A",
    f"Bearer {UNKNOWN[:-1]}",
    "Bearer eyJhbGciOiJub25lIn0.e30.",
    UNKNOWN,
]


@pytest.mark.parametrize("authorization", MALFORMED)
def test_credentials_that_are_no_token_are_401(unship: Unship, authorization: str) -> None:
    assert post(unship, authorization).status_code == 401


def test_nearly_the_right_token_and_two_of_them_are_401(unship: Unship, good: str) -> None:
    wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
    assert post(unship, f"Bearer {wrong}").status_code == 401
    assert post(unship, f"Bearer {good.swapcase()}").status_code == 401
    twice = [("authorization", f"Bearer {good}"), ("authorization", f"Bearer {good}")]
    assert httpx2.post(unship.url, json={"query": WHO}, headers=twice).status_code == 401


@pytest.mark.parametrize(("kind", "code"), [("unknown", 4401), ("revoked", 4401), ("expired", 4403)])
def test_a_bad_token_closes_the_socket(
    unship: Unship, kind: str, code: int, request: pytest.FixtureRequest
) -> None:
    token = UNKNOWN if kind == "unknown" else request.getfixturevalue(kind)
    with opened(unship, {"authorization": f"Bearer {token}"}) as connection:
        assert closing(connection)[0] == code
    with opened(unship, header=f"Bearer {token}") as connection:
        assert closing(connection)[0] == code


@pytest.mark.parametrize(("value", "code"), [("", 4401), ("x", 4401), (7, 4400), ({}, 4400), ([], 4400)])
def test_credentials_that_are_no_token_close_the_socket(unship: Unship, value: object, code: int) -> None:
    with opened(unship, {"authorization": value}) as connection:
        assert closing(connection)[0] == code


def test_what_runs_is_triggered_by_the_token(unship: Unship, good: str) -> None:
    assert unship.apply(Path("examples/kubernetes.yaml").read_text()) == []
    query = 'mutation { runPipeline(input: {pipelineIdentifier: "web", variables: {tag: "stable-perl"}}) '
    query += "{ execution { triggeredBy } userErrors { code } } }"
    answer = httpx2.post(
        unship.url, json={"query": query}, headers={"authorization": f"Bearer {good}"}, timeout=30
    )
    assert answer.json()["data"]["runPipeline"] == {"execution": {"triggeredBy": "good"}, "userErrors": []}


def test_no_token_is_in_any_file(unship: Unship, good: str, revoked: str, expired: str) -> None:
    """The database, its journal, the engine's and the server's log hold the part that may be shown at most."""
    for path in [unship.directory / "server.log", *(unship.directory / "data").iterdir()]:
        content = path.read_bytes()
        for token in (good, revoked, expired, UNKNOWN):
            assert token.removeprefix("unship_").encode()[6:] not in content, path
