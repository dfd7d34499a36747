"""The example's web shop under a name of its own, so that tests share a world and a server without meeting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.kubernetes import KubernetesWorld

EXAMPLE = Path(__file__).parents[2] / "examples" / "kubernetes.yaml"

OLD, NEW = "stable-perl", "stable-bullseye-perl"


@dataclass(frozen=True)
class Shop:
    """The documents of the example, renamed; tests may change them before they apply them."""

    name: str
    world: KubernetesWorld

    def documents(self) -> list[dict[str, Any]]:
        """The documents: service, prod, staging, group, two infrastructures, pipeline."""
        documents: list[dict[str, Any]] = list(yaml.safe_load_all(EXAMPLE.read_text()))
        service, prod, staging, group, staging_cluster, prod_cluster, pipeline = documents
        service["service"]["identifier"] = self.name
        for document, environment in ((prod, "prod"), (staging, "staging")):
            document["environment"]["identifier"] = self.environment(environment)
        group["environmentGroup"]["identifier"] = f"{self.name}_all"
        group["environmentGroup"]["envIdentifiers"] = [self.environment("staging"), self.environment("prod")]
        for document, environment in ((staging_cluster, "staging"), (prod_cluster, "prod")):
            definition = document["infrastructureDefinition"]
            definition["environmentRef"] = self.environment(environment)
            definition["spec"]["namespace"] = self.namespace(environment)
        pipeline["pipeline"]["identifier"] = self.name
        for entry, environment in zip(pipeline["pipeline"]["stages"], ("staging", "prod"), strict=True):
            spec = entry["stage"]["spec"]
            spec["service"]["serviceRef"] = self.name
            spec["environment"]["environmentRef"] = self.environment(environment)
        return documents

    def yaml(self, documents: list[dict[str, Any]] | None = None) -> str:
        """The documents as configuration YAML."""
        dumped: str = yaml.safe_dump_all(documents or self.documents(), sort_keys=False)
        return dumped

    def environment(self, environment: str) -> str:
        return f"{self.name}_{environment}"

    def namespace(self, environment: str) -> str:
        return f"{self.name}-{environment}".replace("_", "-")

    def images(self, environment: str) -> list[str]:
        """The images of the pods that run in that environment now, as the cluster has them."""
        pods = self.world.store.list("Pod", self.namespace(environment))
        running = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return sorted(container["image"] for pod in running for container in pod["spec"]["containers"])

    def config(self, environment: str) -> dict[str, str]:
        """What the ConfigMap of that environment holds."""
        found = self.world.store.get("ConfigMap", self.namespace(environment), "web-config")
        assert found is not None, "there is no ConfigMap"
        data: dict[str, str] = found["data"]
        return data
