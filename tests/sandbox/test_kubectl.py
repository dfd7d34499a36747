"""The real kubectl against the sandbox: what its commands print and exit with."""

from __future__ import annotations

import json

import yaml

from tests.sandbox.cluster import Namespace
from tests.sandbox.conftest import Tool

MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: web-config}
data: {release: IMAGE}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: IMAGE
          envFrom: [{configMapRef: {name: web-config}}]
"""
WORKLOADS = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 2
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: IMAGE}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: IMAGE}]}
"""


def manifest(image: str, text: str = MANIFEST) -> str:
    """The manifests with an image."""
    return text.replace("IMAGE", image)


def test_client_side_apply_creates_configures_and_leaves_alone(kubectl: Tool, namespace: Namespace) -> None:
    assert kubectl.run("apply", "-f", "-", stdin=manifest("nginx:v1")).split("\n")[:3] == [
        "configmap/web-config created",
        "service/web created",
        "deployment.apps/web created",
    ]
    kubectl.run("rollout", "status", "deployment/web", "--timeout=20s")
    before = namespace.world.store.revision
    again = kubectl.run("apply", "-f", "-", stdin=manifest("nginx:v1"))
    assert again.count("unchanged") == 3
    assert namespace.world.store.revision == before
    assert kubectl.run("diff", "-f", "-", stdin=manifest("nginx:v1")) == ""
    difference = kubectl.run("diff", "-f", "-", stdin=manifest("nginx:v2"), fails=True)
    assert "+      - image: nginx:v2" in difference or "+        image: nginx:v2" in difference
    changed = kubectl.run("apply", "-f", "-", stdin=manifest("nginx:v2"))
    assert "deployment.apps/web configured" in changed


def test_rollout_history_and_undo(kubectl: Tool, namespace: Namespace) -> None:
    for image in ("nginx:v1", "nginx:v2"):
        kubectl.run("apply", "-f", "-", stdin=manifest(image))
        assert "successfully rolled out" in kubectl.run("rollout", "status", "deployment/web", "--timeout=20s")
    assert "nginx:v1" in kubectl.run("rollout", "history", "deployment/web", "--revision=1")
    assert "rolled back" in kubectl.run("rollout", "undo", "deployment/web")
    kubectl.run("rollout", "status", "deployment/web", "--timeout=20s")
    assert namespace.images(app="web") == ["nginx:v1"] * 3
    history = kubectl.run("rollout", "history", "deployment/web")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["2", "3"]
    assert len(namespace.list("ReplicaSet")) == 2
    assert "skipped rollback" in kubectl.run("rollout", "undo", "deployment/web", "--to-revision=3")
    missing = kubectl.run("rollout", "undo", "deployment/web", "--to-revision=9", fails=True)
    assert "unable to find" in missing


def test_undo_of_stateful_sets_and_daemon_sets(kubectl: Tool, namespace: Namespace) -> None:
    for image in ("app:v1", "app:v2"):
        kubectl.run("apply", "-f", "-", stdin=manifest(image, WORKLOADS))
        for name in ("statefulset/db", "daemonset/agent"):
            kubectl.run("rollout", "status", name, "--timeout=20s")
    assert namespace.images() == ["app:v2"] * 4
    for name in ("statefulset/db", "daemonset/agent"):
        assert "rolled back" in kubectl.run("rollout", "undo", name)
        kubectl.run("rollout", "status", name, "--timeout=20s")
    assert namespace.images() == ["app:v1"] * 4
    assert {item["revision"] for item in namespace.list("ControllerRevision")} == {2, 3}


def test_failed_rollout_is_told(kubectl: Tool, namespace: Namespace) -> None:
    namespace.world.images.bad(f"{namespace.name}-broken")
    text = manifest(f"{namespace.name}-broken:v1").replace(
        "replicas: 3", "replicas: 1\n  progressDeadlineSeconds: 20"
    )
    kubectl.run("apply", "-f", "-", stdin=text)
    told = kubectl.run("rollout", "status", "deployment/web", "--timeout=20s", fails=True)
    assert "exceeded its progress deadline" in told
    assert "ImagePullBackOff" in kubectl.run("get", "pods")
    logs = kubectl.run("logs", "deployment/web", fails=True)
    assert "waiting to start" in logs


def test_server_side_apply_conflicts_and_force(kubectl: Tool, namespace: Namespace) -> None:
    kubectl.run("apply", "--server-side", "-f", "-", stdin=manifest("nginx:v1"))
    kubectl.run("rollout", "status", "deployment/web", "--timeout=20s")
    other = ("apply", "--server-side", "--field-manager=other", "-f", "-")
    refused = kubectl.run(*other, stdin=manifest("nginx:v2"), fails=True)
    assert 'conflict with "kubectl"' in refused
    assert '.spec.template.spec.containers[name="web"].image' in refused
    kubectl.run(*other, "--force-conflicts", stdin=manifest("nginx:v2"))
    kubectl.run("rollout", "status", "deployment/web", "--timeout=20s")
    assert namespace.images(app="web") == ["nginx:v2"] * 3


def test_client_side_objects_move_to_server_side_apply(kubectl: Tool, namespace: Namespace) -> None:
    kubectl.run("apply", "-f", "-", stdin=manifest("nginx:v1"))
    kubectl.run("apply", "--server-side", "-f", "-", stdin=manifest("nginx:v2"))
    entries = namespace.read("Deployment", "web")["metadata"]["managedFields"]
    assert {(entry["manager"], entry["operation"]) for entry in entries} == {
        ("kubectl", "Apply"),
        ("kubectl-last-applied", "Apply"),
    }
    assert namespace.read("Deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:v2"


def test_wait_scale_get_and_logs(kubectl: Tool, namespace: Namespace) -> None:
    kubectl.run("apply", "-f", "-", stdin=manifest("nginx:v1"))
    kubectl.run("wait", "deployment/web", "--for=condition=Available", "--timeout=20s")
    assert "scaled" in kubectl.run("scale", "deployment/web", "--replicas=5")
    kubectl.run("wait", "deployment/web", "--for=jsonpath={.status.availableReplicas}=5", "--timeout=20s")
    assert "5/5" in kubectl.run("get", "deployment/web")
    document = yaml.safe_load(kubectl.run("get", "deployment/web", "-o", "yaml"))
    assert document["spec"]["replicas"] == 5
    listed = json.loads(kubectl.run("get", "pods", "-l", "app=web", "-o", "json"))
    assert len(listed["items"]) == 5
    assert "web: ready" in kubectl.run("logs", "deployment/web")
    assert kubectl.run("auth", "can-i", "patch", "deployments").strip() == "yes"
    kubectl.run("set", "image", "deployment/web", "web=nginx:v2")
    kubectl.run("rollout", "pause", "deployment/web")
    kubectl.run("rollout", "resume", "deployment/web")
    kubectl.run("rollout", "restart", "deployment/web")
    kubectl.run("rollout", "status", "deployment/web", "--timeout=20s")
    assert namespace.images(app="web") == ["nginx:v2"] * 5


def test_delete_and_the_end_of_a_namespace(kubectl: Tool, namespace: Namespace) -> None:
    kubectl.run("apply", "-f", "-", stdin=manifest("nginx:v1"))
    kubectl.run("delete", "deployment/web", "--cascade=foreground", "--timeout=20s")
    assert namespace.list("Pod") == []
    kubectl.run("create", "secret", "generic", "key", "--from-literal=a=b")
    kubectl.run("delete", "-f", "-", "--ignore-not-found", stdin=manifest("nginx:v1"))
    kubectl.run("delete", "namespace", namespace.name, "--timeout=20s")
    assert namespace.client.get(f"/api/v1/namespaces/{namespace.name}").status_code == 404


def test_refusals_reach_the_user(kubectl: Tool, namespace: Namespace) -> None:
    assert "(NotFound)" in kubectl.run("get", "deployment/ghost", fails=True)
    mismatch = manifest("nginx:v1").replace("matchLabels: {app: web}", "matchLabels: {app: other}")
    told = kubectl.run("apply", "-f", "-", stdin=mismatch, fails=True)
    assert "`selector` does not match template `labels`" in told
    typo = manifest("nginx:v1").replace("replicas: 3", "replica: 3")
    assert 'unknown field "spec.replica"' in kubectl.run("apply", "-f", "-", stdin=typo, fails=True)
    assert "(AlreadyExists)" in kubectl.run("create", "namespace", namespace.name, fails=True)
