"""The web shop in a namespace of a sandbox cluster, as the contract sees it."""

from __future__ import annotations

from pathlib import Path

from providers.connectors import Connector, Connectors
from providers.registry import Registry
from providers.values import DeploymentType, LiveInstance, Manifest, Release
from sandbox.kubernetes import KubernetesWorld
from tests.providers.cluster_platform import NAMESPACE, ClusterPlatform, nginx

SHOP = """
apiVersion: v1
kind: ConfigMap
metadata: {{name: web-config}}
data: {{release: {version}}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: 8080}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 3
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
        - name: web
          image: library/nginx:{version}
          envFrom: [{{configMapRef: {{name: web-config}}}}]
          ports: [{{containerPort: 8080}}]
"""

RELEASE = "release-7f3a"


class KubernetesPlatform(ClusterPlatform):
    """The web shop in a namespace of a sandbox cluster."""

    def __init__(self, directory: Path, *, tick: float = 0.005, world: KubernetesWorld | None = None) -> None:
        self._world = world or KubernetesWorld.start(tick=tick)
        self.world.write_kubeconfig(directory / "kubeconfig")
        self.connectors = Connectors(
            {
                "cluster": Connector(
                    "cluster", "Kubernetes", {"kubeconfig": "./kubeconfig", "context": "demo"}, directory
                )
            }
        )
        self.registry = Registry(self.connectors)
        provider = self.registry.find(DeploymentType.KUBERNETES)
        assert provider is not None
        self.provider = provider
        self.target = provider.target_model(connectorRef="cluster", namespace=NAMESPACE, releaseName=RELEASE)
        self.deploy_steps = (self.spec("K8sRollingDeploy"),)
        self.rollback_steps = (self.spec("K8sRollingRollback"),)

    def release(self, version: str) -> Release:
        return self.of_manifest(SHOP.format(version=version), version)

    def of_manifest(self, content: str, version: str = "1") -> Release:
        """A release of other manifests."""
        manifest = Manifest(identifier="web", type="K8sManifest", content=content)
        return Release(service="web", artifact=nginx(version), manifests=(manifest,))

    def names(self, kind: str) -> list[str]:
        """The names of the objects of that kind in the shop's namespace."""
        return sorted(item["metadata"]["name"] for item in self.world.list(kind, NAMESPACE))


class KubernetesCanaryPlatform(KubernetesPlatform):
    """The web shop, tried as a canary before it is rolled out."""

    def __init__(self, directory: Path, *, tick: float = 0.005) -> None:
        super().__init__(directory, tick=tick)
        canary = {"type": "Count", "spec": {"count": 1}}
        delete = self.spec("K8sCanaryDelete")
        self.deploy_steps = (
            self.spec("K8sCanaryDeploy", instanceSelection=canary),
            delete,
            self.spec("K8sRollingDeploy"),
        )
        self.rollback_steps = (delete, self.spec("K8sRollingRollback"))

    def state(self) -> object:
        made = [
            name
            for kind in ("Deployment", "ConfigMap", "ReplicaSet")
            for name in self.names(kind)
            if "canary" in name
        ]
        return super().state(), made


class KubernetesBlueGreenPlatform(KubernetesPlatform):
    """The web shop in two colours; what serves is what the primary Service selects."""

    def __init__(self, directory: Path, *, tick: float = 0.005) -> None:
        super().__init__(directory, tick=tick)
        swap = self.spec("K8sBGSwapServices")
        self.deploy_steps = (self.spec("K8sBlueGreenDeploy"), swap)
        self.rollback_steps = (swap,)

    def selector(self, service: str = "web") -> dict[str, str]:
        """What a Service selects; nothing where there is none."""
        found = self.world.get("Service", NAMESPACE, service)
        return found["spec"]["selector"] if found else {}

    def running(self) -> list[str]:
        wanted = self.selector().items()
        return [
            pod["spec"]["containers"][0]["image"].rpartition(":")[2]
            for pod in self.pods()
            if wanted and wanted <= pod["metadata"]["labels"].items()
        ]

    def serves(self, instance: LiveInstance) -> bool:
        return instance.group == f"Deployment/{self.serving_deployment()}"

    def serving_deployment(self) -> str:
        color = self.selector().get("harness.io/color")
        return f"web-{color}" if color else "web"

    def state(self) -> object:
        deployments = [
            (item["metadata"]["name"], item["spec"], item["metadata"]["labels"])
            for item in self.world.list("Deployment", NAMESPACE)
        ]
        configuration = [
            (item["metadata"]["name"], item["data"])
            for item in self.world.list("ConfigMap", NAMESPACE)
            if item["metadata"]["name"].startswith("web")
        ]
        services = [(item["metadata"]["name"], item["spec"]) for item in self.world.list("Service", NAMESPACE)]
        images = sorted(pod["spec"]["containers"][0]["image"] for pod in self.pods())
        return deployments, configuration, services, images
