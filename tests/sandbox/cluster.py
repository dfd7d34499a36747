"""A namespace of a sandbox cluster as these tests use it: plain HTTP, manifests, and waiting on watches."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import httpx2

from sandbox.core.wire import Object, clone
from sandbox.kubernetes import KubernetesWorld
from sandbox.kubernetes.kinds import by_name

WAIT_SECONDS = 15.0
PATCH_TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace; answers are returned as they came unless a method says otherwise."""

    client: httpx2.Client
    world: KubernetesWorld
    name: str

    @classmethod
    def create(cls, client: httpx2.Client, world: KubernetesWorld, name: str) -> Namespace:
        """Makes the namespace."""
        answer = client.post("/api/v1/namespaces", json={"metadata": {"name": name}})
        assert answer.status_code == 201, answer.text
        return cls(client, world, name)

    def path(self, kind: str, name: str = "", subresource: str = "") -> str:
        """The URL path of a kind's collection, object or subresource here."""
        found = by_name(kind)
        root = f"/apis/{found.api_version}" if found.group else f"/api/{found.version}"
        parts = [root, "namespaces", self.name, found.plural, name, subresource]
        return "/".join(part for part in parts if part)

    def post(self, kind: str, body: Object, **query: str) -> httpx2.Response:
        """Creates."""
        return self.client.post(self.path(kind), json=body, params=query)

    def put(self, kind: str, name: str, body: Object, subresource: str = "", **query: str) -> httpx2.Response:
        """Replaces."""
        return self.client.put(self.path(kind, name, subresource), json=body, params=query)

    def patch(
        self, kind: str, name: str, patch: Any, patch_type: str = "merge", subresource: str = "", **query: str
    ) -> httpx2.Response:
        """Patches; `patch_type` is json, merge, strategic or apply."""
        headers = {"content-type": PATCH_TYPES[patch_type]}
        path = self.path(kind, name, subresource)
        return self.client.patch(path, content=json.dumps(patch), headers=headers, params=query)

    def apply(self, kind: str, name: str, body: Object, manager: str = "tester", **query: str) -> httpx2.Response:
        """Applies on the server."""
        whole = {"apiVersion": by_name(kind).api_version, "kind": by_name(kind).kind, **body}
        return self.patch(kind, name, whole, "apply", fieldManager=manager, **query)

    def delete(self, kind: str, name: str = "", body: Object | None = None, **query: str) -> httpx2.Response:
        """Deletes an object, or the collection."""
        content = None if body is None else json.dumps(body)
        headers = {"content-type": "application/json"}
        return self.client.request("DELETE", self.path(kind, name), content=content, headers=headers, params=query)

    def read(self, kind: str, name: str) -> Object:
        """The object, which must be there."""
        answer = self.client.get(self.path(kind, name))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def list(self, kind: str, **query: str) -> list[Object]:
        """The objects of a kind here."""
        answer = self.client.get(self.path(kind), params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    def until(self, kind: str, name: str, test: Callable[[Object | None], bool]) -> Object | None:
        """Waits on a watch until the object (None: it is gone) passes the test."""
        revision = str(self.world.store.revision)
        current = self.world.get(kind, self.name, name)
        if test(current):
            return current
        for change in self.changes(kind, fieldSelector=f"metadata.name={name}", resourceVersion=revision):
            current = None if change["type"] == "DELETED" else change["object"]
            if test(current):
                return current
        raise AssertionError(f"{kind} {name} stayed {json.dumps(self.world.get(kind, self.name, name), indent=1)}")

    def changes(self, kind: str, **query: str) -> Generator[Object]:
        """Watch events until the watch ends."""
        deadline = time.monotonic() + WAIT_SECONDS
        params = {"watch": "true", "timeoutSeconds": str(int(WAIT_SECONDS)), **query}
        with self.client.stream("GET", self.path(kind), params=params) as answer:
            assert answer.status_code == 200, answer.read().decode()
            for line in answer.iter_lines():
                yield json.loads(line)
                assert time.monotonic() < deadline

    def rolled_out(self, name: str) -> Object:
        """Waits until a Deployment is complete."""
        found = self.until("Deployment", name, complete)
        assert found is not None
        return found

    def images(self, **labels: str) -> list[str]:
        """The first container's image of each pod that is not on its way out, sorted."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        pods = self.list("Pod", labelSelector=selector)
        living = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return sorted(pod["spec"]["containers"][0]["image"] for pod in living)


def complete(deployment: Object | None) -> bool:
    """Whether a Deployment's rollout has ended well, as `kubectl rollout status` decides."""
    if deployment is None:
        return False
    status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
    return (
        status.get("observedGeneration") == deployment["metadata"]["generation"]
        and status.get("replicas", 0) == wanted
        and status.get("updatedReplicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
    )


def condition(value: Object | None, name: str) -> Object:
    """A condition by type; empty when there is none."""
    found: list[Object] = [
        item for item in (value or {}).get("status", {}).get("conditions", []) if item["type"] == name
    ]
    return found[0] if found else {}


def template(app: str, image: str) -> Object:
    """A pod template with one container."""
    container = {"name": "main", "image": image, "ports": [{"containerPort": 8080}]}
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": [container]}}


def deployment(name: str = "web", image: str = "nginx:v1", replicas: int = 3, **spec: Any) -> Object:
    """A Deployment."""
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, image),
            **spec,
        },
    }


def with_image(value: Object, image: str) -> Object:
    """The workload with another image."""
    changed = clone(value)
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return changed


def config_map(name: str = "settings", **data: str) -> Object:
    """A ConfigMap."""
    return {"metadata": {"name": name}, "data": data}
