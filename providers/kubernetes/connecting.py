"""From the connectors file to clusters: what a connector of type Kubernetes says, and one connection for each.

Shared by every provider that works on such a cluster.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from providers.connecting import Opened, read_spec
from providers.connectors import Connector, Connectors
from providers.kubernetes.client import Connection
from providers.kubernetes.cluster import Cluster
from providers.kubernetes.kubeconfig import Access, read_access
from providers.kubernetes.live import Site
from providers.kubernetes.values import CONNECTOR_TYPE, KubernetesTarget


class ConnectorSpec(BaseModel):
    """The `spec` of a connector of type Kubernetes: a kubeconfig file and, optionally, a context of it.

    `helm` is the helm to run against this cluster; without it, the one in PATH.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kubeconfig: str = Field(min_length=1)
    context: str | None = None
    helm: str | None = Field(default=None, min_length=1)


class Clusters(Opened[Cluster]):
    """The clusters of the connectors file; ProviderRefused where one cannot be used."""

    def __init__(self, connectors: Connectors) -> None:
        super().__init__(self._cluster)
        self._connectors = connectors

    def access(self, identifier: str) -> Access:
        """What the kubeconfig says now of server and user."""
        connector, spec = self.spec(identifier)
        return read_access(path_of(connector, spec.kubeconfig), spec.context)

    def spec(self, identifier: str) -> tuple[Connector, ConnectorSpec]:
        return read_spec(self._connectors, identifier, CONNECTOR_TYPE, ConnectorSpec)

    def _cluster(self, identifier: str) -> Cluster:
        self.spec(identifier)
        return Cluster(Connection(lambda: self.access(identifier)))


class ClusterVerbs:
    """What the verbs of every provider on such a cluster have in common."""

    def __init__(self, connectors: Connectors) -> None:
        self._clusters = Clusters(connectors)

    async def check(self, connector: str) -> str:
        return f"Kubernetes {await self._clusters.get(connector).version()}"

    async def close(self) -> None:
        await self._clusters.close()

    def _site(self, target: KubernetesTarget) -> Site:
        return Site(self._clusters.get(target.connector_ref), target.namespace, target.release_name)


def path_of(connector: Connector, name: str) -> Path:
    """A path in a connector's spec: relative to the connectors file, `~` being the home directory."""
    return connector.directory / Path(name).expanduser()
