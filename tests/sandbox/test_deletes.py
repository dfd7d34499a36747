"""Deletion: propagation, finalizers, grace, preconditions, collections, namespaces."""

from __future__ import annotations

import pytest

from sandbox.core.wire import Object
from tests.sandbox.cluster import Namespace, config_map, deployment, template


def gone(value: Object | None) -> bool:
    """Whether there is nothing."""
    return value is None


def rolled_out(namespace: Namespace) -> Object:
    """A Deployment that runs."""
    namespace.post("Deployment", deployment())
    return namespace.rolled_out("web")


def test_background_takes_replica_sets_and_pods_along(namespace: Namespace) -> None:
    found = rolled_out(namespace)
    pod = namespace.list("Pod")[0]["metadata"]["name"]
    answer = namespace.delete("Deployment", "web").json()
    assert (answer["status"], answer["details"]["uid"]) == ("Success", found["metadata"]["uid"])
    namespace.until("Pod", pod, gone)
    assert namespace.list("ReplicaSet") == []


def test_foreground_waits_for_the_dependents(namespace: Namespace) -> None:
    rolled_out(namespace)
    body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"}
    answer = namespace.delete("Deployment", "web", body).json()
    assert answer["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert answer["metadata"]["deletionTimestamp"]
    namespace.until("Deployment", "web", gone)
    assert namespace.list("Pod") == []
    assert namespace.list("ReplicaSet") == []


def test_orphan_leaves_the_dependents_and_a_new_owner_adopts(namespace: Namespace) -> None:
    rolled_out(namespace)
    pods = {pod["metadata"]["uid"] for pod in namespace.list("Pod")}
    namespace.delete("Deployment", "web", propagationPolicy="Orphan")
    namespace.until("Deployment", "web", gone)
    left = namespace.list("ReplicaSet")
    assert "ownerReferences" not in left[0]["metadata"]
    rolled_out(namespace)
    assert {pod["metadata"]["uid"] for pod in namespace.list("Pod")} == pods
    assert [item["metadata"]["name"] for item in namespace.list("ReplicaSet")] == [left[0]["metadata"]["name"]]


def test_object_of_an_absent_owner_is_collected(namespace: Namespace) -> None:
    owner = {"apiVersion": "v1", "kind": "Secret", "name": "nobody", "uid": "gone"}
    namespace.post("ConfigMap", {"metadata": {"name": "child", "ownerReferences": [owner]}})
    namespace.until("ConfigMap", "child", gone)


def test_finalizer_holds_the_object(namespace: Namespace) -> None:
    namespace.post("ConfigMap", {"metadata": {"name": "held", "finalizers": ["example.org/hold"]}})
    answer = namespace.delete("ConfigMap", "held").json()
    assert answer["metadata"]["deletionTimestamp"]
    again = namespace.delete("ConfigMap", "held").json()
    assert again["metadata"]["resourceVersion"] == answer["metadata"]["resourceVersion"]
    namespace.patch("ConfigMap", "held", {"metadata": {"finalizers": None}})
    assert namespace.client.get(namespace.path("ConfigMap", "held")).status_code == 404


@pytest.mark.parametrize("precondition", [{"uid": "other"}, {"resourceVersion": "1"}])
def test_preconditions(namespace: Namespace, precondition: Object) -> None:
    namespace.post("ConfigMap", config_map())
    refused = namespace.delete("ConfigMap", "settings", {"preconditions": precondition})
    assert refused.status_code == 409
    current = namespace.read("ConfigMap", "settings")["metadata"]
    right = {name: current[name] for name in precondition}
    assert namespace.delete("ConfigMap", "settings", {"preconditions": right}).status_code == 200


def test_pod_ends_gracefully_or_at_once(namespace: Namespace) -> None:
    pod = {"metadata": {"name": "one"}, "spec": template("a", "nginx:v1")["spec"]}
    namespace.post("Pod", pod)
    namespace.until("Pod", "one", lambda found: bool(found and found["status"]["phase"] == "Running"))
    answer = namespace.delete("Pod", "one").json()
    assert answer["metadata"]["deletionGracePeriodSeconds"] == 30
    namespace.until("Pod", "one", gone)
    namespace.post("Pod", pod)
    namespace.delete("Pod", "one", gracePeriodSeconds="0")
    assert namespace.client.get(namespace.path("Pod", "one")).status_code == 404


def test_collection_by_selector(namespace: Namespace) -> None:
    for name in ("a", "b", "c"):
        namespace.post("Secret", {"metadata": {"name": name, "labels": {"keep": str(name == "c").lower()}}})
    answer = namespace.delete("Secret", labelSelector="keep=false")
    assert [item["metadata"]["name"] for item in answer.json()["items"]] == ["a", "b"]
    assert [item["metadata"]["name"] for item in namespace.list("Secret")] == ["c"]


def test_namespace_is_emptied_and_takes_nothing_new(own_namespace: Namespace) -> None:
    own_namespace.world.clock.pause()
    own_namespace.post("Deployment", deployment())
    own_namespace.post("ConfigMap", config_map())
    client, path = own_namespace.client, "/api/v1/namespaces/own"
    assert client.delete(path).json()["status"]["phase"] == "Terminating"
    refused = own_namespace.post("ConfigMap", config_map("late"))
    assert refused.status_code == 403
    assert refused.json()["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    own_namespace.world.clock.advance(10)
    assert client.get(path).status_code == 404
    assert own_namespace.world.list("ConfigMap", "own") == []
