"""The web shop as a chart in a namespace of a sandbox cluster, installed by a real helm."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from providers.connectors import Connector, Connectors
from providers.registry import Registry
from providers.values import Artifact, DeploymentType, Manifest, Release
from sandbox.core.requests import RequestRecord
from sandbox.kubernetes import KubernetesWorld
from sandbox.kubernetes.controllers.manager import Pace
from tests.providers.helm.charts import archive, chart, values
from tests.providers.platform import Platform
from tests.providers.tools import delete_history, kubectl_patch
from tests.vendor_clients import VendorClient, ensure, unsupported

NAMESPACE, RELEASE = "staging", "web"

_web = cache(archive)


class HelmPlatform(Platform):
    """The web shop as a chart, with one major of helm.

    The world is quick, because Helm 3 looks every two seconds only whether what it waits for is ready.
    """

    agent = "^(unship|Helm)/"
    fewest_announced = 1
    # helm starts over after each answer that it lost, and does so a few times only.
    loses_many_answers = False

    def __init__(
        self,
        directory: Path,
        client: VendorClient,
        *,
        tick: float = 0.001,
        pace: Pace | None = None,
        world: KubernetesWorld | None = None,
    ) -> None:
        reason = unsupported()
        if reason is not None:
            pytest.skip(reason)
        self._world = world or KubernetesWorld.start(tick=tick, pace=pace or Pace(ready=1))
        self.world.write_kubeconfig(directory / "kubeconfig")
        self.binary = ensure(client)
        spec = {"kubeconfig": "./kubeconfig", "context": "demo", "helm": str(self.binary)}
        self.connectors = {"cluster": Connector("cluster", "Kubernetes", spec, directory)}
        self.connect()
        self.target = self.provider.target_model(connectorRef="cluster", namespace=NAMESPACE, releaseName=RELEASE)
        self.deploy_steps = (self.spec("HelmDeploy"),)
        self.rollback_steps = (self.spec("HelmRollback"),)

    def connect(self, **more: Connector) -> None:
        """Make the provider anew, with more connectors, or others of the same names."""
        self.connectors |= more
        provider = Registry(Connectors(self.connectors)).find(DeploymentType.NATIVE_HELM)
        assert provider is not None
        self.provider = provider

    @property
    def world(self) -> KubernetesWorld:
        return self._world

    def release(self, version: str) -> Release:
        return self.of_manifests(chart(_web()), values(f"tag: {version}\n"), version=version)

    def of_manifests(self, *manifests: Manifest, version: str = "1") -> Release:
        """A release of other manifests."""
        artifact = Artifact(display_name=f"library/nginx:{version}", image="library/nginx", tag=version)
        return Release(service="web", artifact=artifact, manifests=manifests)

    def pods(self) -> list[dict[str, Any]]:
        found = self.world.list("Pod", NAMESPACE)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def running(self) -> list[str]:
        return [pod["spec"]["containers"][0]["image"].rpartition(":")[2] for pod in self.pods()]

    def fingerprint(self) -> object:
        return self.world.store.revision

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
            f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web",
            {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "library/nginx:by-hand"}]}}}},
        )

    def close_the_way(self) -> None:
        delete_history(self.world, NAMESPACE)

    def is_harmless(self, request: RequestRecord) -> bool:
        return "dryRun=All" in request.query or request.path.endswith(
            ("/selfsubjectaccessreviews", "/selfsubjectrulesreviews")
        )

    def announced(self, effects: list[RequestRecord]) -> int:
        """Each of the provider's own, and each helm once: it begins with its record of what it is about to do."""
        return sum(not request.user_agent.startswith("Helm/") or _begins(request) for request in effects)

    def safeguard(self, request: RequestRecord) -> str:
        if request.user_agent.startswith("Helm/"):
            status = _status(request)
            return {"pending-rollback": "helm rollback", "uninstalling": "helm uninstall"}.get(
                status, "helm upgrade"
            )
        if request.method == "PATCH":
            return f"PATCH {request.headers['content-type']}"
        return "DELETE" if request.method == "DELETE" else f"{request.method} {request.path.rpartition('/')[2]}"

    def close(self) -> None:
        self.world.close()


def _status(request: RequestRecord) -> str:
    """The status that a record of helm's is written with; empty for everything else."""
    if "/secrets" not in request.path or request.method not in {"POST", "PUT"}:
        return ""
    return str(request.body["metadata"].get("labels", {}).get("status", ""))


def _begins(request: RequestRecord) -> bool:
    return (request.method == "POST" and _status(request).startswith("pending-")) or _status(
        request
    ) == "uninstalling"
