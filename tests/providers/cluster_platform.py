"""The web shop in a namespace of a sandbox cluster, whatever brings it there."""

from __future__ import annotations

import json
from typing import Any

from providers.values import Artifact
from sandbox.core.requests import RequestRecord
from sandbox.core.store import Object
from sandbox.kubernetes import KubernetesWorld
from sandbox.kubernetes.kinds import ENDPOINTS, KINDS
from tests.providers.platform import Platform
from tests.providers.tools import delete_history, kubectl_patch

NAMESPACE = "staging"


class ClusterPlatform(Platform):
    """What the platforms on a cluster have in common: the shop as the cluster's own state has it."""

    of_failures = "^PATCH .*/secrets/unship"
    _world: KubernetesWorld

    @property
    def world(self) -> KubernetesWorld:
        return self._world

    def pods(self) -> list[dict[str, Any]]:
        found = self.world.list("Pod", NAMESPACE)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def running(self) -> list[str]:
        return [pod["spec"]["containers"][0]["image"].rpartition(":")[2] for pod in self.pods()]

    def serving_deployment(self) -> str:
        """The name of the Deployment whose pods serve."""
        return "web"

    def fingerprint(self) -> object:
        """All that clients have written. What the controllers make of it follows a moment later: pods, Endpoints,
        ReplicaSets, and every status."""
        objects = [
            (key, value)
            for kind in KINDS
            if kind != ENDPOINTS
            for key, value in self.world.cluster.store.items(kind.id)
            if "ownerReferences" not in value["metadata"]
        ]
        return [(key, _written(value)) for key, value in objects]

    def state(self) -> object:
        deployment = self.world.get("Deployment", NAMESPACE, "web")
        config = self.world.get("ConfigMap", NAMESPACE, "web-config")
        service = self.world.get("Service", NAMESPACE, "web")
        return (
            deployment and (deployment["spec"], deployment["metadata"].get("labels")),
            config and config["data"],
            service and service["spec"],
            sorted(self.running()),
        )

    def break_version(self, version: str) -> None:
        self.world.images.bad(f":{version}$")

    def change_by_hand(self) -> None:
        kubectl_patch(
            self.world,
            f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{self.serving_deployment()}",
            {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "library/nginx:by-hand"}]}}}},
        )

    def close_the_way(self) -> None:
        delete_history(self.world, NAMESPACE)

    def is_harmless(self, request: RequestRecord) -> bool:
        return "dryRun=All" in request.query or request.path.endswith(
            ("/selfsubjectaccessreviews", "/selfsubjectrulesreviews")
        )

    def safeguard(self, request: RequestRecord) -> str:
        if request.method == "PATCH":
            return f"PATCH {request.headers['content-type']}"
        return "DELETE" if request.method == "DELETE" else f"{request.method} {request.path.rpartition('/')[2]}"

    def close(self) -> None:
        self.world.close()


def _written(value: Object) -> str:
    kept = {name: part for name, part in value.items() if name != "status"}
    metadata = value["metadata"].items()
    kept["metadata"] = {name: part for name, part in metadata if name not in ("managedFields", "resourceVersion")}
    return json.dumps(kept, sort_keys=True)


def nginx(version: str) -> Artifact:
    """What the shop runs in that version."""
    return Artifact(display_name=f"library/nginx:{version}", image="library/nginx", tag=version)
