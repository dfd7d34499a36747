"""Every fault mode over a real socket: what the client sees, what the world did, and the proof that it fired."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import pytest

from sandbox.core.faults import Fault, FaultMode
from tests.sandbox.cluster import Namespace, config_map, deployment


def on_create(mode: FaultMode, **more: Any) -> Fault:
    """A fault on the creation of ConfigMaps."""
    return Fault(mode, "POST", r"/configmaps(\?|$)", **more)


def stored(namespace: Namespace) -> bool:
    """Whether the ConfigMap is there."""
    return namespace.world.get("ConfigMap", "own", "settings") is not None


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (on_create(FaultMode.STATUS, status=429, retry_after=7), 429, "TooManyRequests"),
        (on_create(FaultMode.STATUS, status=500), 500, "InternalError"),
        (on_create(FaultMode.STATUS, status=503), 503, "ServiceUnavailable"),
        (on_create(FaultMode.EXPIRED), 401, "Unauthorized"),
    ],
)
def test_answers_without_an_effect(own_namespace: Namespace, fault: Fault, status: int, reason: str) -> None:
    injected = own_namespace.world.faults.add(fault)
    mark = own_namespace.world.requests.mark
    answer = own_namespace.post("ConfigMap", config_map())
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert answer.headers.get("retry-after") == (None if fault.retry_after is None else "7")
    assert not stored(own_namespace)
    record = own_namespace.world.requests.since(mark)[0]
    assert (record.status, record.effect, record.fault) == (status, None, injected.id)
    assert (injected.fired, injected.matched) == (1, 1)
    assert own_namespace.post("ConfigMap", config_map()).status_code == 201, "it fires once"
    assert own_namespace.world.faults.fired(injected.id) == 1


@pytest.mark.parametrize(
    ("mode", "effect"),
    [
        (FaultMode.DROP, False),
        (FaultMode.SHUT, False),
        (FaultMode.HANG, False),
        (FaultMode.MUTE, True),
        (FaultMode.LOST, True),
        (FaultMode.RESET, True),
        (FaultMode.SHORT, True),
    ],
)
def test_connections_that_are_cut(
    own_namespace: Namespace, caplog: pytest.LogCaptureFixture, mode: FaultMode, effect: bool
) -> None:
    injected = own_namespace.world.faults.add(on_create(mode, seconds=0.05))
    mark = own_namespace.world.requests.mark
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        own_namespace.post("ConfigMap", config_map())
    assert stored(own_namespace) is effect
    record = own_namespace.world.requests.since(mark)[0]
    assert record.effect == (201 if effect else None)
    assert record.changed is effect
    assert record.status == (201 if mode in (FaultMode.RESET, FaultMode.SHORT) else 0)
    assert injected.fired == 1
    assert injected.operations[0].startswith("POST /api/v1/namespaces/own/configmaps")
    assert [record.getMessage() for record in caplog.records if record.name != "httpx2"] == []


def test_hang_is_bounded_by_the_clients_patience(own_namespace: Namespace) -> None:
    own_namespace.world.faults.add(on_create(FaultMode.HANG, seconds=60))
    with pytest.raises(httpx2.ReadTimeout):
        own_namespace.client.post(own_namespace.path("ConfigMap"), json=config_map(), timeout=0.2)
    began = time.monotonic()
    own_namespace.world.close()
    assert time.monotonic() - began < 5, "a world stops although a request hangs"


def test_slow_answers_late(own_namespace: Namespace) -> None:
    own_namespace.world.faults.add(on_create(FaultMode.SLOW, seconds=0.3))
    began = time.monotonic()
    assert own_namespace.post("ConfigMap", config_map()).status_code == 201
    assert time.monotonic() - began >= 0.3


def test_garbage_after_the_effect(own_namespace: Namespace) -> None:
    own_namespace.world.faults.add(on_create(FaultMode.GARBAGE))
    answer = own_namespace.post("ConfigMap", config_map())
    assert answer.status_code == 201
    with pytest.raises(ValueError, match="utf-8"):
        answer.json()
    assert stored(own_namespace)


@pytest.mark.parametrize("mode", [FaultMode.TRUNCATED, FaultMode.EMPTY])
def test_a_part_of_the_answer_in_good_order(own_namespace: Namespace, mode: FaultMode) -> None:
    own_namespace.world.faults.add(on_create(mode))
    answer = own_namespace.post("ConfigMap", config_map())
    assert answer.status_code == 201
    assert bool(answer.content) is (mode is FaultMode.TRUNCATED)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()
    assert stored(own_namespace)


def test_no_connection_for_a_while(own_namespace: Namespace) -> None:
    own_namespace.world.faults.add(on_create(FaultMode.SHUT, seconds=0.2))
    with pytest.raises(httpx2.ReadError):
        own_namespace.post("ConfigMap", config_map())
    refused = 0
    while not stored(own_namespace):
        try:
            own_namespace.post("ConfigMap", config_map())
        except httpx2.ConnectError:
            refused += 1
    assert refused


def test_a_request_that_changes_nothing_is_no_change(own_namespace: Namespace) -> None:
    mark = own_namespace.world.requests.mark
    for _ in range(2):
        own_namespace.apply("ConfigMap", "settings", config_map())
    own_namespace.list("ConfigMap")
    assert [record.changed for record in own_namespace.world.requests.since(mark)] == [True, False, False]


def test_half_done_collection(own_namespace: Namespace) -> None:
    for name in ("a", "b", "c", "d"):
        own_namespace.post("Secret", {"metadata": {"name": name}})
    own_namespace.world.faults.add(Fault(FaultMode.HALF_DONE, method="DELETE", path="/secrets"))
    answer = own_namespace.delete("Secret")
    assert answer.status_code == 500
    assert [item["metadata"]["name"] for item in own_namespace.list("Secret")] == ["c", "d"]


def test_stale_reads_are_from_the_same_request_before(own_namespace: Namespace) -> None:
    def names(**query: str) -> list[str]:
        found = own_namespace.client.get(own_namespace.path("Secret"), params=query).json()["items"]
        return [item["metadata"]["name"] for item in found]

    stale = own_namespace.world.faults.add(Fault(FaultMode.STALE, writes=False, times=None))
    assert names() == []
    own_namespace.post("Secret", {"metadata": {"name": "a"}})
    assert names() == []
    assert names(limit="9") == ["a"], "another request"
    own_namespace.post("Secret", {"metadata": {"name": "b"}})
    assert names() == ["a"]
    assert names() == ["a", "b"]
    assert stale.fired == 5
    own_namespace.world.faults.remove(stale.id)
    assert names(limit="9") == ["a", "b"]


def test_nth_call_and_for_ever(own_namespace: Namespace) -> None:
    faults = own_namespace.world.faults
    third = faults.add(Fault(FaultMode.STATUS, "GET", "/pods", status=500, skip=2, times=2))
    codes = [own_namespace.client.get(own_namespace.path("Pod")).status_code for _ in range(6)]
    assert codes == [200, 200, 500, 500, 200, 200]
    assert (third.fired, third.matched) == (2, 6)
    ever = faults.add(Fault(FaultMode.STATUS, "GET", "/pods", times=None))
    codes = [own_namespace.client.get(own_namespace.path("Pod")).status_code for _ in range(4)]
    assert codes == [503] * 4
    faults.remove(ever.id)
    assert own_namespace.client.get(own_namespace.path("Pod")).status_code == 200
    assert ever.fired == 4, "a removed fault still tells what it did"


def test_fault_by_query_and_client(own_namespace: Namespace) -> None:
    faults = own_namespace.world.faults
    apply = faults.add(Fault(FaultMode.STATUS, "PATCH", r"fieldManager=tester"))
    assert own_namespace.apply("ConfigMap", "settings", config_map()).status_code == 503
    assert own_namespace.apply("ConfigMap", "settings", config_map(), "other").status_code == 201
    client = faults.add(Fault(FaultMode.STATUS, user_agent="^kubectl/"))
    assert own_namespace.client.get("/version").status_code == 200
    assert own_namespace.client.get("/version", headers={"user-agent": "kubectl/v1"}).status_code == 503
    assert (apply.fired, client.fired) == (1, 1)


def test_control_api_for_other_processes(own_namespace: Namespace) -> None:
    client = own_namespace.client
    mark = own_namespace.world.requests.mark
    wrong = client.post("/_sandbox/faults", json={"mode": "status", "colour": "red"})
    assert (wrong.status_code, "colour" in wrong.json()["error"]) == (400, True)
    assert client.post("/_sandbox/faults", json={"mode": "explode"}).status_code == 400
    assert client.post("/_sandbox/faults", json={"mode": "lost", "path": "("}).status_code == 400
    created = client.post("/_sandbox/faults", json={"mode": "status", "status": 500, "path": "/version"})
    fault = created.json()["id"]
    assert client.get("/version").status_code == 500
    assert client.get(f"/_sandbox/faults/{fault}").json()["fired"] == 1
    assert client.delete(f"/_sandbox/faults/{fault}").json()["fired"] == 1
    assert client.get("/_sandbox/faults/none").status_code == 404
    assert [item["removed"] for item in client.delete("/_sandbox/faults").json()["faults"]] == [True]
    log = client.get("/_sandbox/requests", params={"after": str(mark)}).json()["requests"]
    assert [(item["path"], item["status"], item["fault"]) for item in log] == [("/version", 500, fault)]
    assert client.get("/_sandbox/health").json()["status"] == "ok"
    clock = client.post("/_sandbox/clock", json={"paused": True, "advance": 3}).json()
    assert clock["paused"] is True
    digest = client.post("/_sandbox/images", json={"move": "nginx:v1"}).json()["digest"]
    assert own_namespace.world.images.digest("nginx:v1") == digest
    assert client.post("/_sandbox/images", json={"pattern": "broken"}).json()["fate"] == "bad"
    assert client.post("/_sandbox/images", json={"pattern": "x", "fate": "odd"}).status_code == 400


def test_denials_and_tokens(own_namespace: Namespace) -> None:
    access = own_namespace.world.access
    access.deny(verb="patch", resource="deployments")
    refused = own_namespace.patch("Deployment", "web", {})
    assert (refused.status_code, refused.json()["reason"]) == (403, "Forbidden")
    answers: list[bool] = []
    for verb in ("patch", "get"):
        asked = {"verb": verb, "group": "apps", "resource": "deployments", "namespace": "own"}
        body = {"spec": {"resourceAttributes": asked}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answers.append(own_namespace.client.post(path, json=body).json()["status"]["allowed"])
    assert answers == [False, True]
    access.allow_all()
    own_namespace.post("Deployment", deployment())
    assert own_namespace.patch("Deployment", "web", {}).status_code == 200
    access.require_token("secret")
    assert own_namespace.client.get("/version").status_code == 401
    headers = {"authorization": "Bearer secret"}
    assert own_namespace.client.get("/version", headers=headers).status_code == 200


def test_log_records_what_was_asked_and_no_credentials(own_namespace: Namespace) -> None:
    requests = own_namespace.world.requests
    mark = requests.mark
    headers = {"authorization": "Bearer canary-token", "user-agent": "tester/1"}
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: '1'}\n"
    own_namespace.client.patch(
        own_namespace.path("ConfigMap", "settings"),
        content=body,
        headers={**headers, "content-type": "application/apply-patch+yaml"},
        params={"fieldManager": "tester"},
    )
    own_namespace.client.get(own_namespace.path("ConfigMap", "settings"), headers=headers)
    write, read = requests.since(mark)
    assert (write.sequence, read.sequence) == (mark + 1, mark + 2)
    assert (write.method, write.query, write.status, write.writes) == ("PATCH", "fieldManager=tester", 201, True)
    assert write.body["data"] == {"a": "1"}
    assert write.user_agent == "tester/1"
    assert (read.body, read.writes) == (None, False)
    assert [record.path for record in requests.writes(mark)] == [write.path]
    assert "canary" not in repr(list(requests))
    assert requests[-1] == read
    assert len(requests) == read.sequence
