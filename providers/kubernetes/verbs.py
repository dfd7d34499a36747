"""The Kubernetes provider: which module carries which verb."""

from __future__ import annotations

from pydantic import BaseModel

from providers.connectors import Connectors
from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.kubernetes import (
    bluegreen,
    canary,
    capture,
    deleting,
    deploying,
    instances,
    preflight,
    rollback,
    scaling,
)
from providers.kubernetes.connecting import Clusters
from providers.kubernetes.live import Site
from providers.kubernetes.values import (
    ApplySpec,
    BlueGreenDeploySpec,
    CanaryDeleteSpec,
    CanaryDeploySpec,
    DeleteSpec,
    KubernetesSnapshot,
    KubernetesTarget,
    RollingDeploySpec,
    RollingRollbackSpec,
    ScaleSpec,
    SwapServicesSpec,
)
from providers.values import (
    Change,
    LiveInstance,
    Obstacle,
    Outcome,
    Release,
)


class KubernetesVerbs:
    def __init__(self, connectors: Connectors) -> None:
        self._clusters = Clusters(connectors)

    async def capture(self, target: KubernetesTarget, release: Release) -> KubernetesSnapshot:
        return await capture.capture(self._site(target), release)

    async def deploy(
        self, target: KubernetesTarget, release: Release, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        site = self._site(target)
        match step:
            case RollingDeploySpec():
                outcome = deploying.roll_out(site, release, step, attempt)
            case CanaryDeploySpec():
                outcome = canary.deploy(site, release, step, attempt)
            case CanaryDeleteSpec():
                outcome = canary.delete(site, attempt)
            case BlueGreenDeploySpec():
                outcome = bluegreen.deploy(site, release, step, attempt)
            case SwapServicesSpec():
                outcome = bluegreen.swap(site, release, step, attempt)
            case ApplySpec():
                outcome = deploying.apply_manifests(site, release, step, attempt)
            case ScaleSpec():
                outcome = scaling.scale(site, step, attempt)
            case DeleteSpec():
                outcome = deleting.delete(site, step, attempt)
            case _:
                raise ProviderRefused(f"Kubernetes has no forward step with a {type(step).__name__}.")
        return await outcome

    async def roll_back(
        self, target: KubernetesTarget, snapshot: KubernetesSnapshot, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        site = self._site(target)
        match step:
            case RollingRollbackSpec() | SwapServicesSpec():
                return await rollback.roll_back(site, snapshot, attempt)
            case CanaryDeleteSpec():
                return await canary.delete_for_rollback(site, snapshot, attempt)
            case _:
                raise ProviderRefused(f"Kubernetes has no rollback step with a {type(step).__name__}.")

    async def instances(self, target: KubernetesTarget, release: Release) -> tuple[LiveInstance, ...]:
        return await instances.instances(self._site(target), release)

    async def preview(self, target: KubernetesTarget, snapshot: KubernetesSnapshot) -> tuple[Change, ...]:
        return await preflight.preview(self._site(target), snapshot)

    async def preflight(self, target: KubernetesTarget, snapshot: KubernetesSnapshot) -> tuple[Obstacle, ...]:
        return await preflight.preflight(self._site(target), snapshot)

    async def check(self, connector: str) -> str:
        return f"Kubernetes {await self._clusters.get(connector).version()}"

    async def close(self) -> None:
        await self._clusters.close()

    def _site(self, target: KubernetesTarget) -> Site:
        return Site(self._clusters.get(target.connector_ref), target.namespace, target.release_name)
