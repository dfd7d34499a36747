"""Pure decisions: differences, rollout standing, retries, images, references, ownership."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from providers.images import Image, main_container
from providers.kubernetes.diff import changes
from providers.kubernetes.objects import Ref, stateless
from providers.kubernetes.ownership import abandoned, superfluous, with_claims
from providers.kubernetes.references import configuration_names, needed
from providers.kubernetes.workloads import selector, standing
from providers.retry import MOST_TRIES, retry_after, wait_before
from providers.tree import Tree, drop, put
from providers.values import Artifact

WEB = Ref.of("apps/v1", "Deployment", "web", "prod")


def deployment(container: Tree, **spec: JsonValue) -> Tree:
    template: Tree = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    return {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {**spec, "template": template}}


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ({"image": "a:1"}, {"image": "a:2"}, ("image (web)", "a:1", "a:2")),
        (
            {"env": [{"name": "A", "value": "1"}]},
            {"env": [{"name": "A", "value": "2"}]},
            ("env A (web)", "1", "2"),
        ),
        ({"env": [{"name": "A", "value": "1"}]}, {}, ("env A (web)", "1", None)),
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
            {"env": [{"name": "B", "value": "2"}]},
            ("env A (web)", "1", None),
        ),
        (
            {"resources": {"limits": {"cpu": "1"}}},
            {"resources": {"limits": {"cpu": "2"}}},
            ("resources.limits.cpu (web)", "1", "2"),
        ),
        ({"args": ["a"]}, {"args": ["a", "b"]}, ("args (web)", '["a"]', '["a","b"]')),
    ],
)
def test_a_change_of_a_container_is_named_for_people(
    old: Tree, new: Tree, shown: tuple[str, str | None, str | None]
) -> None:
    found = changes(WEB, deployment({"name": "web", **old}), deployment({"name": "web", **new}))
    assert [(item.field, item.current, item.target) for item in found] == [shown]


def test_changes_of_objects_secrets_and_replicas() -> None:
    config, secret = Ref.of("v1", "ConfigMap", "c", "prod"), Ref.of("v1", "Secret", "s", "prod")
    assert changes(config, None, None) == ()
    assert [(item.current, item.target) for item in changes(config, {}, None)] == [("present", None)]
    assert [(item.current, item.target) for item in changes(config, None, {})] == [(None, "present")]
    hidden = changes(secret, {"data": {"a": "eA=="}}, {"data": {"a": "eQ=="}})
    assert [(item.field, item.current, item.target) for item in hidden] == [("data.a", "(hidden)", "(hidden)")]
    scaled = changes(WEB, deployment({"name": "web"}, replicas=2), deployment({"name": "web"}, replicas=3))
    assert [(item.field, item.current, item.target) for item in scaled] == [("replicas", "2", "3")]
    long = changes(config, {"data": {"a": "x" * 1000}}, {"data": {"a": "y"}})
    assert len(long[0].current or "") == 300


def status(kind: str, generation: int = 2, **fields: JsonValue) -> Tree:
    spec: Tree = {"replicas": 3}
    return {
        "kind": kind,
        "metadata": {"name": "web", "generation": generation},
        "spec": spec,
        "status": {"observedGeneration": 2, **fields},
    }


LATE: JsonValue = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "too late"}]


@pytest.mark.parametrize(
    ("workload", "done", "message"),
    [
        (status("Deployment", 3, updatedReplicas=3, replicas=3, availableReplicas=3), False, "waiting for"),
        (status("Deployment", updatedReplicas=2, replicas=4), False, "2 of 3 updated"),
        (status("Deployment", updatedReplicas=3, replicas=4), False, "1 old still ending"),
        (status("Deployment", updatedReplicas=3, replicas=3, availableReplicas=1), False, "1 of 3 available"),
        (status("Deployment", updatedReplicas=3, replicas=3, availableReplicas=3), True, "3 of 3 available"),
        (status("Deployment", updatedReplicas=1, replicas=3, conditions=LATE), False, "no progress"),
        (
            status("StatefulSet", updatedReplicas=1, currentRevision="a", updateRevision="b"),
            False,
            "1 of 3 updated",
        ),
        (
            status("StatefulSet", updatedReplicas=3, readyReplicas=2, currentRevision="b", updateRevision="b"),
            False,
            "2 of 3 ready",
        ),
        (
            status("StatefulSet", replicas=3, readyReplicas=3, currentRevision="b", updateRevision="b"),
            True,
            "3 of 3 ready",
        ),
        (
            put(
                status(
                    "StatefulSet",
                    updatedReplicas=1,
                    readyReplicas=3,
                    replicas=3,
                    currentRevision="a",
                    updateRevision="b",
                ),
                2,
                "spec",
                "updateStrategy",
                "rollingUpdate",
                "partition",
            ),
            True,
            "3 of 3 ready",
        ),
        (
            put(status("StatefulSet", readyReplicas=0), "OnDelete", "spec", "updateStrategy", "type"),
            True,
            "OnDelete",
        ),
        (status("DaemonSet", desiredNumberScheduled=2, updatedNumberScheduled=1), False, "1 of 2 updated"),
        (
            status("DaemonSet", desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=1),
            False,
            "1 of 2 available",
        ),
        (
            status("DaemonSet", desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=2),
            True,
            "2 of 2 available",
        ),
        (put(status("Deployment"), True, "spec", "paused"), True, "paused"),
    ],
)
def test_standing_says_what_kubectl_rollout_status_says(workload: Tree, done: bool, message: str) -> None:
    found = standing(workload)
    assert (found.done, message in found.message) == (done, True), found
    assert (found.failure is not None) == ("no progress" in message)


def test_waits_grow_are_bounded_and_obey_the_server() -> None:
    waits = [wait_before(number, None) for number in range(2, MOST_TRIES + 1)]
    assert len(waits) == 5
    assert all(0.05 <= wait <= 3 for wait in waits if wait is not None)
    assert None not in waits
    assert wait_before(MOST_TRIES + 1, None) is None
    assert (wait_before(2, 7.0) or 0) >= 7
    assert wait_before(2, 3600.0) is None


def test_retry_after_is_seconds_or_a_date() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert retry_after("7") == 7
    assert retry_after("Thu, 01 Jan 2026 00:00:09 GMT", now) == 9
    assert retry_after("Thu, 01 Jan 2025 00:00:09 GMT", now) == 0
    assert [retry_after(value) for value in (None, "", "soon", "-1", "\u0661")] == [None] * 5


@pytest.mark.parametrize(
    ("reference", "image", "repository"),
    [
        ("nginx", Image("nginx", None, None), "docker.io/library/nginx"),
        ("library/nginx:1", Image("library/nginx", "1", None), "docker.io/library/nginx"),
        ("host:5000/a/b", Image("host:5000/a/b", None, None), "host:5000/a/b"),
        ("ghcr.io/a/b:1@sha256:ab", Image("ghcr.io/a/b", "1", "sha256:ab"), "ghcr.io/a/b"),
    ],
)
def test_image_references(reference: str, image: Image, repository: str) -> None:
    assert Image.parse(reference) == image
    assert image.repository == repository


def test_the_main_container_runs_the_artifact() -> None:
    containers: list[Tree] = [{"name": "proxy", "image": "envoy:1"}, {"name": "web", "image": "nginx:2"}]
    nginx = Artifact(display_name="x", image="docker.io/library/nginx")
    assert main_container(containers, nginx)["name"] == "web"
    assert main_container(containers, None)["name"] == "proxy"
    assert main_container([], nginx) == {}


def test_what_a_pod_needs() -> None:
    template: Tree = {
        "spec": {
            "serviceAccountName": "web",
            "initContainers": [{"envFrom": [{"secretRef": {"name": "s1"}}]}],
            "containers": [
                {
                    "env": [
                        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c1", "key": "a"}}},
                        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s2", "key": "a", "optional": True}}},
                    ]
                }
            ],
            "volumes": [
                {"name": "v1", "configMap": {"name": "c2"}},
                {"name": "v2", "secret": {"secretName": "s3"}},
                {"name": "v3", "projected": {"sources": [{"configMap": {"name": "c3"}}]}},
                {"name": "v4", "persistentVolumeClaim": {"claimName": "data"}},
            ],
        }
    }
    configuration = {("ConfigMap", f"c{n}") for n in (1, 2, 3)} | {("Secret", f"s{n}") for n in (1, 2, 3)}
    assert configuration_names(template) == configuration
    rest = {("PersistentVolumeClaim", "data"), ("ServiceAccount", "web")}
    assert needed(template) == (configuration - {("Secret", "s2")}) | rest


def test_a_selector_with_expressions() -> None:
    expressions: JsonValue = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "old", "operator": "DoesNotExist"},
        {"key": "x", "operator": "NotIn", "values": ["y"]},
        {"key": "z", "operator": "Exists"},
    ]
    workload: Tree = {"spec": {"selector": {"matchLabels": {"app": "web"}, "matchExpressions": expressions}}}
    assert selector(workload) == "app=web,tier in (a,b),!old,x notin (y),z"


def test_state_leaves_out_what_the_server_keeps() -> None:
    live: Tree = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "web",
            "uid": "u",
            "resourceVersion": "1",
            "managedFields": [{}],
            "annotations": {"deployment.kubernetes.io/revision": "3"},
        },
        "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": [{"port": 80, "nodePort": None}]},
        "status": {"loadBalancer": {}},
    }
    assert stateless(live) == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"ports": [{"port": 80}]},
    }
    headless = put(live, "None", "spec", "clusterIP")
    assert "clusterIP" in str(stateless(headless))
    assert drop({"a": {"b": {"c": 1}}}, "a", "b", "c") == {}


KUBECTL: Tree = {
    "manager": "kubectl-set",
    "operation": "Update",
    "fieldsV1": {"f:spec": {"f:list": {'k:{"name":"b"}': {".": {}, "f:name": {}, "f:value": {}}}, "f:x": {}}},
}
OURS: Tree = {
    "manager": "unship",
    "operation": "Apply",
    "apiVersion": "v1",
    "fieldsV1": {
        "f:spec": {"f:list": {'k:{"name":"a"}': {".": {}, "f:name": {}}}, "f:probe": {"f:path": {}}, "f:mine": {}}
    },
}


def test_what_is_too_much_is_claimed_from_whoever_owns_it() -> None:
    current: Tree = {"spec": {"list": [{"name": "a"}, {"name": "b", "value": "1"}], "x": 1, "mine": 1}}
    target: Tree = {"spec": {"list": [{"name": "a"}], "x": 1}}
    claims = superfluous([KUBECTL, OURS], current, target)
    member = ("f:spec", "f:list", 'k:{"name":"b"}')
    assert claims == {member: {"name": "b", "value": "1"}, ("f:spec", "f:mine"): 1}
    managed = with_claims([KUBECTL, OURS], "unship", "v1", claims)
    assert managed is not None
    own, kubectl = managed
    assert own["manager"] == "unship"
    assert [str(own["fieldsV1"]).count(key) for key in ("f:mine", "'f:value'")] == [1, 1]
    assert kubectl["fieldsV1"] == {"f:spec": {"f:x": {}}}
    assert with_claims(managed, "unship", "v1", claims) is None, "nothing is left to claim"


def test_what_is_abandoned_is_ours_alone() -> None:
    current: Tree = {"spec": {"probe": {"path": "/", "scheme": "HTTP"}, "x": 1, "defaulted": 2, "mine": 1}}
    target: Tree = {"spec": {}}
    claims = abandoned([KUBECTL, OURS], "unship", current, target)
    assert claims == {("f:spec", "f:probe"): {"path": "/", "scheme": "HTTP"}, ("f:spec", "f:mine"): 1}
    managed = with_claims([KUBECTL, OURS], "unship", "v1", claims)
    assert managed is not None
    assert "'f:probe': {'f:path': {}, '.': {}, 'f:scheme': {}}" in str(managed[0]["fieldsV1"])
