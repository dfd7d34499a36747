"""The Native Helm provider: which module carries which verb."""

from __future__ import annotations

from pydantic import BaseModel

from providers.connectors import Connectors
from providers.errors import ProviderRefused
from providers.helm import capture, deploying, instances, preflight, rollback
from providers.helm.binary import Binaries
from providers.helm.helm import Helm
from providers.helm.values import HelmDeploySpec, HelmRollbackSpec, HelmSnapshot, HelmTarget
from providers.interface import Attempt
from providers.kubernetes.connecting import ClusterVerbs
from providers.values import Change, LiveInstance, Obstacle, Outcome, Release


class HelmVerbs(ClusterVerbs):
    def __init__(self, connectors: Connectors) -> None:
        super().__init__(connectors)
        self._connectors = connectors
        self._binaries = Binaries()

    async def capture(self, target: HelmTarget, release: Release) -> HelmSnapshot:
        return await capture.capture(self._site(target), release)

    async def deploy(self, target: HelmTarget, release: Release, step: BaseModel, attempt: Attempt) -> Outcome:
        if not isinstance(step, HelmDeploySpec):
            raise ProviderRefused(f"Helm has no forward step with a {type(step).__name__}.")
        return await deploying.deploy(self._helm(target), self._connectors, release, attempt)

    async def roll_back(
        self, target: HelmTarget, snapshot: HelmSnapshot, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        if not isinstance(step, HelmRollbackSpec):
            raise ProviderRefused(f"Helm has no rollback step with a {type(step).__name__}.")
        return await rollback.roll_back(self._helm(target), snapshot, step, attempt)

    async def instances(self, target: HelmTarget, release: Release) -> tuple[LiveInstance, ...]:
        return await instances.instances(self._site(target), release)

    async def preview(self, target: HelmTarget, snapshot: HelmSnapshot) -> tuple[Change, ...]:
        return await preflight.preview(self._site(target), snapshot)

    async def preflight(self, target: HelmTarget, snapshot: HelmSnapshot) -> tuple[Obstacle, ...]:
        return await preflight.preflight(self._site(target), snapshot)

    def _helm(self, target: HelmTarget) -> Helm:
        return Helm(self._clusters, self._binaries, target.connector_ref, self._site(target))
