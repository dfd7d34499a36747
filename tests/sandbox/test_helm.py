"""The real helm, 3 and 4, against the sandbox: install, upgrade, failed upgrade, history, rollback, uninstall."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.cluster import Namespace
from tests.sandbox.conftest import Tool

FILES = {
    "Chart.yaml": 'apiVersion: v2\nname: shop\nversion: 0.1.0\nappVersion: "1"\n',
    "values.yaml": "image: nginx:v1\nhook: task:v1\n",
    "templates/all.yaml": """
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-config"}
data: {image: "{{ .Values.image }}"}
---
apiVersion: v1
kind: Secret
metadata: {name: "{{ .Release.Name }}-secret"}
stringData: {a: b}
---
apiVersion: v1
kind: Service
metadata: {name: "{{ .Release.Name }}"}
spec: {selector: {app: "{{ .Release.Name }}"}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  replicas: 2
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}"}}
    spec: {containers: [{name: web, image: "{{ .Values.image }}"}]}
""",
    "templates/hook.yaml": """
apiVersion: batch/v1
kind: Job
metadata:
  name: "{{ .Release.Name }}-migrate"
  annotations: {helm.sh/hook: pre-upgrade, helm.sh/hook-delete-policy: before-hook-creation}
spec:
  backoffLimit: 0
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: "{{ .Values.hook }}"}]}
""",
}


@pytest.fixture
def chart(tmp_path: Path) -> str:
    """A chart with a ConfigMap, a Secret, a Service, a Deployment and a hook."""
    root = tmp_path / "chart"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


def history(helm: Tool) -> list[tuple[int, str, str]]:
    """(revision, status, description) of the release."""
    entries: list[dict[str, Any]] = json.loads(helm.run("history", "shop", "-o", "json"))
    return [(entry["revision"], entry["status"], entry["description"]) for entry in entries]


def test_release_goes_forward_fails_and_comes_back(helm: Tool, namespace: Namespace, chart: str) -> None:
    namespace.world.images.bad(f"{namespace.name}-broken")
    helm.run("install", "shop", chart, "--wait", "--timeout", "20s")
    assert namespace.images(app="shop") == ["nginx:v1"] * 2
    helm.run("upgrade", "shop", chart, "--set", "image=nginx:v2", "--wait", "--timeout", "20s")
    assert namespace.images(app="shop") == ["nginx:v2"] * 2
    broken = f"image={namespace.name}-broken:v3"
    told = helm.run("upgrade", "shop", chart, "--set", broken, "--wait", "--timeout", "2s", fails=True)
    assert "UPGRADE FAILED" in told
    assert [entry[1] for entry in history(helm)] == ["superseded", "deployed", "failed"]
    helm.run("rollback", "shop", "1", "--wait", "--timeout", "20s")
    assert history(helm)[-1] == (4, "deployed", "Rollback to 1")
    assert namespace.images(app="shop") == ["nginx:v1"] * 2
    assert namespace.read("ConfigMap", "shop-config")["data"] == {"image": "nginx:v1"}
    assert len(namespace.list("Secret", labelSelector="owner=helm,name=shop")) == 4
    assert "shop" in helm.run("list", "-q")
    helm.run("uninstall", "shop", "--wait", "--timeout", "20s")
    assert namespace.list("Deployment") == []
    assert namespace.list("Secret") == []


def test_failing_hook_stops_the_upgrade(helm: Tool, namespace: Namespace, chart: str) -> None:
    namespace.world.images.failing(f"{namespace.name}-hook")
    helm.run("install", "shop", chart)
    hook = f"hook={namespace.name}-hook:v1"
    told = helm.run(
        "upgrade", "shop", chart, "--set", "image=nginx:v2", "--set", hook, "--timeout", "20s", fails=True
    )
    assert "pre-upgrade hooks failed" in told
    assert namespace.images(app="shop") == ["nginx:v1"] * 2


def test_dry_run_on_the_server_writes_nothing(helm: Tool, namespace: Namespace, chart: str) -> None:
    before = namespace.world.requests.mark
    helm.run("install", "shop", chart, "--dry-run=server")
    assert namespace.list("Deployment") == []
    assert all(
        f"/namespaces/{namespace.name}/" not in record.path or "dryRun=All" in record.query
        for record in namespace.world.requests.writes(before)
    )
