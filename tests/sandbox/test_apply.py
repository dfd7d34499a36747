"""Server-side apply: ownership, conflicts with causes, force, and the removal of what is no longer applied."""

from __future__ import annotations

from typing import Any

from sandbox.core.wire import Object
from tests.sandbox.cluster import Namespace, config_map, deployment, with_image


def managers(value: Object) -> dict[tuple[str, str], Object]:
    """FieldsV1 by manager and operation."""
    return {
        (entry["manager"], entry["operation"]): entry["fieldsV1"] for entry in value["metadata"]["managedFields"]
    }


def data(**values: str) -> Object:
    """A configuration with this data."""
    return config_map(**values)


def test_apply_creates_then_changes_then_does_nothing(namespace: Namespace) -> None:
    first = namespace.apply("ConfigMap", "settings", data(a="1"))
    assert first.status_code == 201
    assert managers(first.json()) == {("tester", "Apply"): {"f:data": {"f:a": {}}}}
    second = namespace.apply("ConfigMap", "settings", data(a="2"))
    assert (second.status_code, second.json()["data"]) == (200, {"a": "2"})
    third = namespace.apply("ConfigMap", "settings", data(a="2"))
    assert third.json() == second.json()


def test_conflict_names_field_and_owner(namespace: Namespace) -> None:
    namespace.apply("Deployment", "web", deployment(), "first")
    refused = namespace.apply("Deployment", "web", deployment(image="nginx:v2"), "second")
    assert (refused.status_code, refused.json()["reason"]) == (409, "Conflict")
    assert refused.json()["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "first"',
            "field": '.spec.template.spec.containers[name="main"].image',
        }
    ]
    assert namespace.read("Deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:v1"


def test_force_takes_the_field_over(namespace: Namespace) -> None:
    namespace.apply("ConfigMap", "settings", data(a="1", b="1"), "first")
    forced = namespace.apply("ConfigMap", "settings", data(a="2"), "second", force="True").json()
    assert forced["data"] == {"a": "2", "b": "1"}
    assert managers(forced) == {
        ("first", "Apply"): {"f:data": {"f:b": {}}},
        ("second", "Apply"): {"f:data": {"f:a": {}}},
    }


def test_field_no_longer_applied_is_removed_unless_shared(namespace: Namespace) -> None:
    namespace.apply("ConfigMap", "settings", data(a="1", b="1", c="1"), "first")
    shared = namespace.apply("ConfigMap", "settings", data(b="1"), "second")
    assert shared.status_code == 200
    left = namespace.apply("ConfigMap", "settings", data(a="1"), "first").json()
    assert left["data"] == {"a": "1", "b": "1"}


def test_update_owns_what_it_changed(namespace: Namespace) -> None:
    namespace.apply("Deployment", "web", deployment(), "first")
    namespace.patch("Deployment", "web", {"spec": {"replicas": 7}}, fieldManager="autoscaler")
    refused = namespace.apply("Deployment", "web", deployment(), "first")
    cause = refused.json()["details"]["causes"][0]
    assert (cause["message"], cause["field"]) == ('conflict with "autoscaler" using apps/v1', ".spec.replicas")
    without: Object = deployment()
    del without["spec"]["replicas"]
    kept = namespace.apply("Deployment", "web", without, "first")
    assert (kept.status_code, kept.json()["spec"]["replicas"]) == (200, 7)


def test_removed_replicas_fall_back_to_the_default(namespace: Namespace) -> None:
    namespace.apply("Deployment", "web", deployment(), "first")
    without: Object = deployment()
    del without["spec"]["replicas"]
    assert namespace.apply("Deployment", "web", without, "first").json()["spec"]["replicas"] == 1


def test_lists_merge_by_their_keys(namespace: Namespace) -> None:
    namespace.apply("Deployment", "web", deployment(), "first")
    sidecar: Object = deployment()
    sidecar["spec"] = {
        "template": {"spec": {"containers": [{"name": "proxy", "image": "proxy:v1"}]}},
    }
    both = namespace.apply("Deployment", "web", sidecar, "injector").json()
    assert _images(both) == {"main": "nginx:v1", "proxy": "proxy:v1"}
    env: Object = deployment()
    env["spec"]["template"]["spec"]["containers"][0]["env"] = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "2"},
    ]
    namespace.apply("Deployment", "web", env, "first")
    env["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "B", "value": "3"}]
    after = namespace.apply("Deployment", "web", env, "first").json()
    assert _container(after, "main")["env"] == [{"name": "B", "value": "3"}]
    assert _images(after) == {"main": "nginx:v1", "proxy": "proxy:v1"}
    sidecar["spec"] = {"template": {"metadata": {"labels": {"app": "web"}}}}
    gone = namespace.apply("Deployment", "web", sidecar, "injector").json()
    assert _images(gone) == {"main": "nginx:v1"}


def test_atomic_selector_is_one_field(namespace: Namespace) -> None:
    service = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "a", "v": "1"}, "ports": [{"port": 80}]}}
    namespace.apply("Service", "web", service, "first")
    service["spec"] = {"selector": {"app": "b"}, "ports": [{"port": 80}]}
    refused = namespace.apply("Service", "web", service, "second")
    assert [cause["field"] for cause in refused.json()["details"]["causes"]] == [".spec.selector"]
    assert namespace.apply("Service", "web", service, "first").json()["spec"]["selector"] == {"app": "b"}


def test_managed_fields_can_be_handed_over(namespace: Namespace) -> None:
    """What kubectl does before its first server-side apply: it rewrites the entry of its client-side past."""
    created = namespace.post("ConfigMap", data(a="1"), fieldManager="kubectl-client-side-apply").json()
    entry = {**created["metadata"]["managedFields"][0], "manager": "kubectl", "operation": "Apply"}
    steps: list[Any] = [{"op": "replace", "path": "/metadata/managedFields", "value": [entry]}]
    upgraded = namespace.patch("ConfigMap", "settings", steps, "json").json()
    assert list(managers(upgraded)) == [("kubectl", "Apply")]
    assert namespace.apply("ConfigMap", "settings", data(b="1"), "kubectl").json()["data"] == {"b": "1"}


def test_refusals_of_apply(namespace: Namespace) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", **data(a="1")}
    nameless = namespace.patch("ConfigMap", "settings", body, "apply")
    assert nameless.status_code == 422
    assert "fieldManager" in nameless.json()["message"]
    mistyped = namespace.apply("Deployment", "web", deployment(replicas="3"))  # pyright: ignore[reportArgumentType]
    assert (mistyped.status_code, mistyped.json()["reason"]) == (500, "")
    assert ".spec.replicas: expected integer" in mistyped.json()["message"]
    managed = {"metadata": {"name": "settings", "managedFields": [{"manager": "x"}]}}
    assert namespace.apply("ConfigMap", "settings", managed).status_code == 400
    stale = {"metadata": {"name": "settings", "resourceVersion": "1"}}
    assert namespace.apply("ConfigMap", "settings", stale).status_code == 404
    namespace.apply("ConfigMap", "settings", data(a="1"))
    assert namespace.apply("ConfigMap", "settings", stale).status_code == 409


def test_apply_rolls_a_deployment_and_dry_run_does_not(namespace: Namespace) -> None:
    namespace.apply("Deployment", "web", deployment())
    namespace.rolled_out("web")
    tried = namespace.apply("Deployment", "web", with_image(deployment(), "nginx:v2"), dryRun="All").json()
    assert tried["metadata"]["generation"] == 2
    assert namespace.images(app="web") == ["nginx:v1"] * 3
    namespace.apply("Deployment", "web", with_image(deployment(), "nginx:v2"))
    namespace.rolled_out("web")
    assert namespace.images(app="web") == ["nginx:v2"] * 3


def _container(value: Object, name: str) -> Object:
    return next(item for item in value["spec"]["template"]["spec"]["containers"] if item["name"] == name)


def _images(value: Object) -> dict[str, str]:
    return {item["name"]: item["image"] for item in value["spec"]["template"]["spec"]["containers"]}
