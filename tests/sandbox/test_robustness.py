"""Malformed objects and bodies are refused as a client's mistake, never as a defect of the world."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.core.wire import clone, is_list, is_map
from tests.sandbox.cluster import Namespace, deployment

ODD: tuple[Any, ...] = (None, "x", 5, True, [], {}, [None], ["x"], {"x": None})
REFUSALS = {201, 400, 404, 409, 415, 422}
RICH = deployment(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}})
RICH["metadata"].update(labels={"a": "b"}, annotations={"c": "d"})
RICH["spec"]["template"]["spec"]["volumes"] = [{"name": "v", "configMap": {"name": "c"}}]
RICH["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": "b"}]


def paths(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every node below the top."""
    if is_map(value):
        for name, inner in value.items():
            yield (*at, name)
            yield from paths(inner, (*at, name))
    elif is_list(value):
        for index, inner in enumerate(value):
            yield (*at, index)
            yield from paths(inner, (*at, index))


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_any_node_may_be_odd(namespace: Namespace, odd: Any) -> None:
    for path in paths(RICH):
        body: Any = clone(RICH)
        target = body
        for part in path[:-1]:
            target = target[part]
        target[path[-1]] = odd
        for answer in (
            namespace.post("Deployment", body, dryRun="All"),
            namespace.apply("Deployment", "web", body, dryRun="All"),
        ):
            status = answer.json()
            mistyped = "failed to create typed patch object" in str(status.get("message"))
            assert answer.status_code in REFUSALS or mistyped, (path, odd, answer.text)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b""),
        ("application/json", b"[]"),
        ("application/json", b"{"),
        ("application/json", b"\xff\xfe"),
        ("application/json", b"[" * 100_000),
        ("application/json", b'{"metadata": {"name": "\\ud800"}}'),
        ("application/yaml", b"a: [b"),
        ("application/yaml", b"- a"),
        ("application/vnd.kubernetes.protobuf", b"k8s"),
        ("application/vnd.kubernetes.protobuf", b"k8s\x00\xff\xff"),
        ("application/vnd.kubernetes.protobuf", b"k8s\x00\x0a\x04\x0a\x02v1"),
        ("text/plain", b"hello"),
    ],
)
def test_malformed_bodies(namespace: Namespace, content_type: str, body: bytes) -> None:
    answer = namespace.client.post(
        namespace.path("ConfigMap"), content=body, headers={"content-type": content_type}
    )
    assert answer.status_code in {400, 415, 422}, answer.text
    assert answer.json()["kind"] == "Status"
    assert namespace.world.requests[-1].status == answer.status_code


@pytest.mark.parametrize(
    "query",
    [
        {"labelSelector": "a in ("},
        {"fieldSelector": "nonsense"},
        {"limit": "x"},
        {"watch": "1", "resourceVersion": "x"},
    ],
)
def test_malformed_queries(namespace: Namespace, query: dict[str, str]) -> None:
    assert namespace.client.get(namespace.path("ConfigMap"), params=query).status_code == 400
