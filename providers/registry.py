"""All platforms, one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from providers.asg import AsgProvider
from providers.connectors import Connectors
from providers.ecs import EcsProvider
from providers.helm import HelmProvider
from providers.interface import Provider
from providers.kubernetes import KubernetesProvider
from providers.platform import Platform
from providers.tas import TasProvider
from providers.values import DeploymentType

AnyProvider = Provider[Any, Any]

_PROVIDERS: tuple[Callable[[Connectors], AnyProvider], ...] = (
    KubernetesProvider,
    HelmProvider,
    EcsProvider,
    AsgProvider,
    TasProvider,
)


class Registry:
    """The providers of this process, by deployment type."""

    def __init__(self, connectors: Connectors) -> None:
        self.connectors = connectors
        self._providers: Mapping[DeploymentType, AnyProvider] = {
            provider.deployment_type: provider for provider in (make(connectors) for make in _PROVIDERS)
        }

    def __iter__(self) -> Iterator[AnyProvider]:
        return iter(self._providers.values())

    def find(self, deployment_type: DeploymentType) -> AnyProvider | None:
        """The provider of that type; None for one that Unship shows but cannot act on."""
        return self._providers.get(deployment_type)

    def of_connector(self, connector_type: str) -> AnyProvider | None:
        """The provider that can check connectors of that type; None for a type that nothing here uses."""
        return next((provider for provider in self if provider.connector_type == connector_type), None)

    @property
    def source_types(self) -> frozenset[str]:
        """The types of connectors that manifests can be fetched through."""
        return frozenset[str]().union(*(provider.source_connector_types for provider in self))

    def load(self) -> None:
        """Import the verbs of the platforms that the connectors lead to, so that no request has to wait for it."""
        used = {connector.type for connector in self.connectors.by_identifier.values()}
        for provider in self:
            if isinstance(provider, Platform) and provider.connector_type in used:
                provider.load()

    async def close(self) -> None:
        for provider in self:
            await provider.close()
