"""The Kubernetes provider: which module carries which verb."""

from __future__ import annotations

from pydantic import BaseModel

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
    values,
)
from providers.kubernetes.connecting import ClusterVerbs
from providers.kubernetes.values import KubernetesSnapshot, KubernetesTarget
from providers.values import Change, LiveInstance, Obstacle, Outcome, Release


class KubernetesVerbs(ClusterVerbs):
    async def capture(self, target: KubernetesTarget, release: Release) -> KubernetesSnapshot:
        return await capture.capture(self._site(target), release)

    async def deploy(
        self, target: KubernetesTarget, release: Release, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        site = self._site(target)
        match step:
            case values.RollingDeploySpec():
                outcome = deploying.roll_out(site, release, step, attempt)
            case values.CanaryDeploySpec():
                outcome = canary.deploy(site, release, step, attempt)
            case values.CanaryDeleteSpec():
                outcome = canary.delete(site, attempt)
            case values.BlueGreenDeploySpec():
                outcome = bluegreen.deploy(site, release, step, attempt)
            case values.SwapServicesSpec():
                outcome = bluegreen.swap(site, release, step, attempt)
            case values.ApplySpec():
                outcome = deploying.apply_manifests(site, release, step, attempt)
            case values.ScaleSpec():
                outcome = scaling.scale(site, step, attempt)
            case values.DeleteSpec():
                outcome = deleting.delete(site, step, attempt)
            case _:
                raise ProviderRefused(f"Kubernetes has no forward step with a {type(step).__name__}.")
        return await outcome

    async def roll_back(
        self, target: KubernetesTarget, snapshot: KubernetesSnapshot, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        site = self._site(target)
        match step:
            case values.RollingRollbackSpec() | values.SwapServicesSpec():
                return await rollback.roll_back(site, snapshot, attempt)
            case values.CanaryDeleteSpec():
                return await canary.delete_for_rollback(site, snapshot, attempt)
            case _:
                raise ProviderRefused(f"Kubernetes has no rollback step with a {type(step).__name__}.")

    async def instances(self, target: KubernetesTarget, release: Release) -> tuple[LiveInstance, ...]:
        return await instances.instances(self._site(target), release)

    async def preview(self, target: KubernetesTarget, snapshot: KubernetesSnapshot) -> tuple[Change, ...]:
        return await preflight.preview(self._site(target), snapshot)

    async def preflight(self, target: KubernetesTarget, snapshot: KubernetesSnapshot) -> tuple[Obstacle, ...]:
        return await preflight.preflight(self._site(target), snapshot)
