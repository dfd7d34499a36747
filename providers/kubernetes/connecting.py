"""From the connectors file to clusters: what a connector of type Kubernetes says, and one connection for each.

Shared by every provider that works on such a cluster.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from providers.connectors import Connector, Connectors, ConnectorsError
from providers.errors import ProviderRefused
from providers.kubernetes.client import Connection
from providers.kubernetes.cluster import Cluster
from providers.kubernetes.kubeconfig import Access, read_access
from providers.kubernetes.values import CONNECTOR_TYPE


class ConnectorSpec(BaseModel):
    """The `spec` of a connector of type Kubernetes: a kubeconfig file and, optionally, a context of it.

    `helm` is the helm to run against this cluster; without it, the one in PATH.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kubeconfig: str = Field(min_length=1)
    context: str | None = None
    helm: str | None = Field(default=None, min_length=1)


class Clusters:
    """The clusters of the connectors file, each connected to once."""

    def __init__(self, connectors: Connectors) -> None:
        self._connectors = connectors
        self._clusters: dict[str, Cluster] = {}

    def get(self, identifier: str) -> Cluster:
        """The cluster of that connector; ProviderRefused where there is no such connector."""
        cluster = self._clusters.get(identifier)
        if cluster is None:
            self.spec(identifier)
            connection = Connection(lambda: self.access(identifier))
            cluster = self._clusters[identifier] = Cluster(connection)
        return cluster

    def access(self, identifier: str) -> Access:
        """What the kubeconfig says now of server and user."""
        connector, spec = self.spec(identifier)
        return read_access(path_of(connector, spec.kubeconfig), spec.context)

    def spec(self, identifier: str) -> tuple[Connector, ConnectorSpec]:
        try:
            connector = self._connectors.get(identifier, CONNECTOR_TYPE)
        except ConnectorsError as error:
            raise ProviderRefused(str(error)) from error
        try:
            return connector, ConnectorSpec.model_validate(dict(connector.spec))
        except ValidationError as error:
            fields = ", ".join(".".join(str(part) for part in item["loc"]) for item in error.errors())
            raise ProviderRefused(f'Connector "{connector.identifier}" has an invalid spec: {fields}.') from error

    async def close(self) -> None:
        clusters = list(self._clusters.values())
        self._clusters.clear()
        for cluster in clusters:
            await cluster.close()


def path_of(connector: Connector, name: str) -> Path:
    """A path in a connector's spec: relative to the connectors file, `~` being the home directory."""
    return connector.directory / Path(name).expanduser()
