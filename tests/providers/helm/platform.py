"""The web shop as a chart in a namespace of a sandbox cluster, installed by a real helm."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from providers.connectors import Connector, Connectors
from providers.registry import Registry
from providers.values import DeploymentType, Manifest, Release
from sandbox.core.requests import RequestRecord
from sandbox.kubernetes import KubernetesWorld
from sandbox.kubernetes.controllers.manager import Pace
from tests.providers.cluster_platform import NAMESPACE, ClusterPlatform, nginx
from tests.providers.helm.charts import archive, chart, values
from tests.vendor_clients import VendorClient, ensure, unsupported

RELEASE = "web"

_web = cache(archive)


class HelmPlatform(ClusterPlatform):
    """The web shop as a chart, with one major of helm.

    The world is quick, because Helm 3 looks every two seconds only whether what it waits for is ready.
    """

    agent = "^(unship|Helm)/"
    fewest_announced = 1
    # helm starts over after each answer that it lost, and does so a few times only.
    loses_many_answers = False
    waits_for_ever = True

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

    def release(self, version: str) -> Release:
        return self.of_manifests(chart(_web()), values(f"tag: {version}\n"), version=version)

    def of_manifests(self, *manifests: Manifest, version: str = "1") -> Release:
        """A release of other manifests."""
        return Release(service="web", artifact=nginx(version), manifests=manifests)

    def announced(self, effects: list[RequestRecord]) -> int:
        """Each of the provider's own, and each helm once: it begins with its record of what it is about to do."""
        return sum(not request.user_agent.startswith("Helm/") or _begins(request) for request in effects)

    def safeguard(self, request: RequestRecord) -> str:
        if request.user_agent.startswith("Helm/"):
            status = _status(request)
            return {"pending-rollback": "helm rollback", "uninstalling": "helm uninstall"}.get(
                status, "helm upgrade"
            )
        return super().safeguard(request)


def _status(request: RequestRecord) -> str:
    """The status that a record of helm's is written with; empty for everything else."""
    if "/secrets" not in request.path or request.method not in {"POST", "PUT"}:
        return ""
    return str(request.body["metadata"].get("labels", {}).get("status", ""))


def _begins(request: RequestRecord) -> bool:
    return (request.method == "POST" and _status(request).startswith("pending-")) or _status(
        request
    ) == "uninstalling"
