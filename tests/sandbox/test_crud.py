"""Create, read, replace, patch and list, with the refusals of a real API server."""

from __future__ import annotations

import pytest

from sandbox.core.wire import Object
from tests.sandbox.cluster import Namespace, config_map, deployment, with_image
from tests.sandbox.generate_schema import TARGET, generate


def test_create_fills_in_what_a_server_fills_in(namespace: Namespace) -> None:
    created = namespace.post("Deployment", deployment()).json()
    spec = created["spec"]
    assert created["metadata"]["uid"]
    assert created["metadata"]["generation"] == 1
    assert created["metadata"]["namespace"] == namespace.name
    assert int(created["metadata"]["resourceVersion"]) > 0
    assert spec["revisionHistoryLimit"] == 10
    assert spec["progressDeadlineSeconds"] == 600
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    }
    assert spec["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 8080, "protocol": "TCP"}]
    assert "status" not in created


def test_service_gets_an_address_that_stays(namespace: Namespace) -> None:
    body: Object = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}
    created = namespace.post("Service", body).json()
    assert created["spec"]["clusterIP"].startswith("10.96.")
    assert created["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    body["spec"]["selector"] = {"app": "other"}
    replaced = namespace.put("Service", "web", body).json()
    assert replaced["spec"]["clusterIP"] == created["spec"]["clusterIP"]
    body["spec"]["clusterIP"] = "10.0.0.1"
    refused = namespace.put("Service", "web", body)
    assert (refused.status_code, refused.json()["details"]["causes"][0]["field"]) == (422, "spec.clusterIP")


def test_generate_name_and_secret_text(namespace: Namespace) -> None:
    body = {"metadata": {"generateName": "key-"}, "stringData": {"a": "b"}}
    created = namespace.post("Secret", body).json()
    assert created["metadata"]["name"].startswith("key-")
    assert (created["data"], created["type"], "stringData" in created) == ({"a": "Yg=="}, "Opaque", False)


def test_generation_counts_changes_of_the_spec_alone(namespace: Namespace) -> None:
    namespace.post("Deployment", deployment())
    labelled = namespace.patch("Deployment", "web", {"metadata": {"labels": {"x": "y"}}}).json()
    assert labelled["metadata"]["generation"] == 1
    changed = namespace.patch("Deployment", "web", {"spec": {"replicas": 1}}).json()
    assert changed["metadata"]["generation"] == 2


def test_write_that_changes_nothing_keeps_the_revision(namespace: Namespace) -> None:
    created = namespace.post("ConfigMap", config_map(a="1")).json()
    body = config_map(a="1")
    answers = [
        namespace.put("ConfigMap", "settings", body),
        namespace.patch("ConfigMap", "settings", {"data": {"a": "1"}}),
        namespace.patch("ConfigMap", "settings", {"data": {"a": "1"}}, "strategic"),
    ]
    versions = {answer.json()["metadata"]["resourceVersion"] for answer in answers}
    assert versions == {created["metadata"]["resourceVersion"]}


def test_stale_resource_version_is_a_conflict(namespace: Namespace) -> None:
    created = namespace.post("ConfigMap", config_map(a="1")).json()
    namespace.patch("ConfigMap", "settings", {"data": {"a": "2"}})
    created["data"] = {"a": "3"}
    refused = namespace.put("ConfigMap", "settings", created)
    assert (refused.status_code, refused.json()["reason"]) == (409, "Conflict")
    assert namespace.read("ConfigMap", "settings")["data"] == {"a": "2"}


def test_stale_uid_is_a_conflict(namespace: Namespace) -> None:
    namespace.post("ConfigMap", config_map(a="1"))
    body = {"metadata": {"uid": "not-this-one"}, "data": {"a": "2"}}
    refused = namespace.patch("ConfigMap", "settings", body)
    assert refused.status_code == 409
    assert "UID in precondition" in refused.json()["message"]


def test_dry_run_stores_nothing(namespace: Namespace) -> None:
    before = namespace.world.store.revision
    answer = namespace.post("ConfigMap", config_map(a="1"), dryRun="All")
    assert answer.status_code == 201
    assert namespace.list("ConfigMap", fieldSelector="metadata.name=settings") == []
    namespace.post("ConfigMap", config_map(a="1"))
    changed = namespace.patch("ConfigMap", "settings", {"data": {"a": "2"}}, dryRun="All")
    assert changed.json()["data"] == {"a": "2"}
    assert namespace.read("ConfigMap", "settings")["data"] == {"a": "1"}
    assert namespace.delete("ConfigMap", "settings", dryRun="All").status_code == 200
    assert namespace.read("ConfigMap", "settings")
    assert namespace.world.store.revision >= before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"spec": {"selector": {"matchLabels": {"app": "other"}}}}, "spec.template.metadata.labels"),
        (
            {"spec": {"template": {"spec": {"containers": [{"name": "main"}]}}}},
            "spec.template.spec.containers[0].image",
        ),
        ({"spec": {"template": {"spec": {"containers": []}}}}, "spec.template.spec.containers"),
        ({"metadata": {"name": "Not_A_Name"}}, "metadata.name"),
        ({"spec": {"replicas": -1}}, "spec.replicas"),
    ],
)
def test_invalid_deployment_names_the_field(namespace: Namespace, change: dict[str, object], field: str) -> None:
    body = deployment()
    for part, values in change.items():
        assert isinstance(values, dict)
        body[part] = {**body[part], **values}
    refused = namespace.post("Deployment", body)
    assert (refused.status_code, refused.json()["reason"]) == (422, "Invalid")
    assert field in [cause["field"] for cause in refused.json()["details"]["causes"]]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("Deployment", deployment(replicas="3")),  # pyright: ignore[reportArgumentType]
        ("ConfigMap", {"metadata": {"name": "x"}, "data": {"port": 80}}),
        ("ConfigMap", {"metadata": {"name": "x", "labels": {"on": True}}}),
        ("Deployment", deployment(paused="yes")),
    ],
)
def test_wrong_json_type_is_a_bad_request(namespace: Namespace, kind: str, body: dict[str, object]) -> None:
    refused = namespace.post(kind, body)
    assert (refused.status_code, refused.json()["reason"]) == (400, "BadRequest")
    assert "cannot unmarshal" in refused.json()["message"]


def test_unknown_fields_are_dropped_or_refused(namespace: Namespace) -> None:
    body = deployment(replica=7)
    strict = namespace.post("Deployment", body, fieldValidation="Strict")
    assert strict.status_code == 400
    assert strict.json()["message"].endswith('strict decoding error: unknown field "spec.replica"')
    assert "replica" not in namespace.post("Deployment", body).json()["spec"]
    applied = namespace.apply("Deployment", "web", body)
    assert (applied.status_code, applied.json()["reason"]) == (500, "")
    assert applied.json()["message"].endswith(".spec.replica: field not declared in schema")


def test_schema_is_the_published_one() -> None:
    assert TARGET.read_text() == generate(), "run: python -m tests.sandbox.generate_schema"


def test_selector_of_a_deployment_is_immutable(namespace: Namespace) -> None:
    body = deployment()
    namespace.post("Deployment", body)
    body["spec"]["selector"] = {"matchLabels": {"app": "b"}}
    body["spec"]["template"]["metadata"]["labels"] = {"app": "b"}
    refused = namespace.put("Deployment", "web", body)
    assert refused.status_code == 422
    assert "field is immutable" in refused.json()["message"]


def test_refusals_of_names_and_namespaces(namespace: Namespace) -> None:
    client = namespace.client
    missing = client.post("/api/v1/namespaces/nowhere/configmaps", json=config_map())
    assert (missing.status_code, missing.json()["message"]) == (404, 'namespaces "nowhere" not found')
    absent = client.get(namespace.path("Deployment", "ghost"))
    assert absent.json()["message"] == 'deployments.apps "ghost" not found'
    assert absent.json()["details"] == {"name": "ghost", "group": "apps", "kind": "deployments"}
    namespace.post("ConfigMap", config_map())
    twice = namespace.post("ConfigMap", config_map())
    assert (twice.status_code, twice.json()["reason"]) == (409, "AlreadyExists")
    elsewhere = {"metadata": {"name": "a", "namespace": "default"}}
    assert namespace.post("ConfigMap", elsewhere).status_code == 400
    assert namespace.put("ConfigMap", "settings", config_map("other")).status_code == 400
    assert client.get("/apis/example.org/v1/things").status_code == 404
    assert client.get("/api/v1/namespaces/x/deployments").status_code == 404


def test_immutable_config_map(namespace: Namespace) -> None:
    namespace.post("ConfigMap", {**config_map(a="1"), "immutable": True})
    assert namespace.patch("ConfigMap", "settings", {"data": {"a": "2"}}).status_code == 422
    assert namespace.patch("ConfigMap", "settings", {"metadata": {"labels": {"a": "b"}}}).status_code == 200


def test_json_patch_and_its_refusals(namespace: Namespace) -> None:
    namespace.post("ConfigMap", config_map(a="1", b="2"))
    steps = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "3"},
        {"op": "remove", "path": "/data/b"},
        {"op": "add", "path": "/data/c~1d", "value": "4"},
        {"op": "copy", "from": "/data/a", "path": "/data/e"},
    ]
    patched = namespace.patch("ConfigMap", "settings", steps, "json").json()
    assert patched["data"] == {"a": "3", "c/d": "4", "e": "3"}
    failing = [{"op": "test", "path": "/data/a", "value": "1"}]
    assert namespace.patch("ConfigMap", "settings", failing, "json").status_code == 422
    absent = [{"op": "remove", "path": "/data/nope"}]
    assert namespace.patch("ConfigMap", "settings", absent, "json").status_code == 422


def test_merge_patch_removes_with_null(namespace: Namespace) -> None:
    namespace.post("ConfigMap", config_map(a="1", b="2"))
    patched = namespace.patch("ConfigMap", "settings", {"data": {"a": None, "c": "3"}}).json()
    assert patched["data"] == {"b": "2", "c": "3"}


def test_unknown_patch_type(namespace: Namespace) -> None:
    namespace.post("ConfigMap", config_map())
    answer = namespace.client.patch(namespace.path("ConfigMap", "settings"), json={})
    assert (answer.status_code, answer.json()["reason"]) == (415, "UnsupportedMediaType")


def test_status_is_written_apart(namespace: Namespace) -> None:
    body = {
        "metadata": {"name": "job"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "a"}},
    }
    namespace.post("HorizontalPodAutoscaler", body)
    kind = "HorizontalPodAutoscaler"
    ignored = namespace.patch(kind, "job", {"status": {"currentReplicas": 2}}).json()
    assert "status" not in ignored
    written = namespace.patch(
        kind, "job", {"status": {"currentReplicas": 2}, "spec": {"maxReplicas": 9}}, "merge", "status"
    ).json()
    assert (written["status"], written["spec"]["maxReplicas"]) == ({"currentReplicas": 2}, 3)


def test_scale(namespace: Namespace) -> None:
    namespace.post("Deployment", deployment())
    path = namespace.path("Deployment", "web", "scale")
    scale = namespace.client.get(path).json()
    assert (scale["kind"], scale["spec"], scale["status"]["selector"]) == ("Scale", {"replicas": 3}, "app=web")
    scale["spec"]["replicas"] = 5
    del scale["metadata"]["resourceVersion"]
    assert namespace.client.put(path, json=scale).status_code == 200
    stale = namespace.client.put(path, json={**scale, "metadata": {**scale["metadata"], "resourceVersion": "1"}})
    assert stale.status_code == 409
    assert namespace.read("Deployment", "web")["spec"]["replicas"] == 5
    patched = namespace.patch("Deployment", "web", {"spec": {"replicas": 2}}, "merge", "scale").json()
    assert patched["spec"] == {"replicas": 2}


def test_list_selectors_and_pages(namespace: Namespace) -> None:
    for number in range(7):
        labels = {"n": str(number), "parity": "odd" if number % 2 else "even"}
        namespace.post("Secret", {"metadata": {"name": f"s{number}", "labels": labels}})
    names = [item["metadata"]["name"] for item in namespace.list("Secret", labelSelector="parity=odd,n!=1")]
    assert names == ["s3", "s5"]
    chosen = namespace.list("Secret", labelSelector="n in (1,2),!absent,parity")
    assert [item["metadata"]["name"] for item in chosen] == ["s1", "s2"]
    assert len(namespace.list("Secret", labelSelector="n notin (1,2)")) == 5
    assert len(namespace.list("Secret", fieldSelector="metadata.name=s3,type=Opaque")) == 1
    page = namespace.client.get(namespace.path("Secret"), params={"limit": "3"}).json()
    seen = [item["metadata"]["name"] for item in page["items"]]
    assert page["metadata"]["remainingItemCount"] == 4
    while page["metadata"].get("continue"):
        query = {"limit": "3", "continue": page["metadata"]["continue"]}
        page = namespace.client.get(namespace.path("Secret"), params=query).json()
        seen += [item["metadata"]["name"] for item in page["items"]]
    assert seen == [f"s{number}" for number in range(7)]
    broken = namespace.client.get(namespace.path("Secret"), params={"continue": "!"})
    assert broken.status_code == 400


def test_table_and_metadata_views(namespace: Namespace) -> None:
    namespace.post("Deployment", deployment())
    path = namespace.path("Deployment")
    table = namespace.client.get(path, headers={"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}).json()
    assert (table["kind"], table["rows"][0]["cells"][0]) == ("Table", "web")
    accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    partial = namespace.client.get(path, headers={"accept": accept}).json()
    assert partial["kind"] == "PartialObjectMetadataList"
    assert set(partial["items"][0]) == {"apiVersion", "kind", "metadata"}


def test_replace_changes_the_object(namespace: Namespace) -> None:
    created = namespace.post("Deployment", deployment()).json()
    replaced = namespace.put("Deployment", "web", with_image(created, "nginx:v2"))
    assert replaced.status_code in {200, 409}
    fresh = with_image(namespace.read("Deployment", "web"), "nginx:v3")
    del fresh["metadata"]["resourceVersion"]
    assert namespace.put("Deployment", "web", fresh).status_code == 200
    assert namespace.rolled_out("web")["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:v3"
