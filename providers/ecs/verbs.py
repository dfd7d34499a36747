"""The ECS provider: which module carries which verb."""

from __future__ import annotations

from pydantic import BaseModel

from providers.aws.client import AccountVerbs
from providers.ecs import (
    bluegreen,
    canary,
    capture,
    deploying,
    preflight,
    previewing,
    rollback,
    swapping,
    switching_back,
    values,
)
from providers.ecs.cluster import EcsCluster
from providers.ecs.live import Site
from providers.ecs.manifests import service_name
from providers.ecs.scaling import Scaling
from providers.ecs.values import EcsSnapshot, EcsTarget
from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.values import Change, LiveInstance, Obstacle, Outcome, Release


class EcsVerbs(AccountVerbs):
    async def capture(self, target: EcsTarget, release: Release) -> EcsSnapshot:
        return await capture.capture(self._site(target), release)

    async def deploy(self, target: EcsTarget, release: Release, step: BaseModel, attempt: Attempt) -> Outcome:
        site = self._site(target)
        match step:
            case values.RollingDeploySpec():
                return await deploying.roll_out(site, release, step, attempt)
            case values.CanaryDeploySpec():
                return await canary.deploy_canary(site, release, attempt)
            case values.CanaryDeleteSpec():
                return await canary.delete_canary(site, service_name(release), attempt)
            case values.BlueGreenCreateSpec():
                return await bluegreen.create_green(site, release, step, attempt)
            case values.BlueGreenSwapSpec():
                return await swapping.swap(site, release, step, attempt)
            case _:
                raise ProviderRefused(f"ECS has no forward step with a {type(step).__name__}.")

    async def roll_back(
        self, target: EcsTarget, snapshot: EcsSnapshot, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        site = self._site(target)
        match step:
            case values.RollingRollbackSpec():
                return await rollback.roll_back(site, snapshot, attempt)
            case values.CanaryDeleteSpec():
                return await canary.delete_canary(site, snapshot.base, attempt)
            case values.BlueGreenRollbackSpec():
                return await switching_back.switch_back(site, snapshot, step, attempt)
            case _:
                raise ProviderRefused(f"ECS has no rollback step with a {type(step).__name__}.")

    async def instances(self, target: EcsTarget, release: Release) -> tuple[LiveInstance, ...]:
        return await capture.instances(self._site(target), release)

    async def preview(self, target: EcsTarget, snapshot: EcsSnapshot) -> tuple[Change, ...]:
        return await previewing.preview(self._site(target), snapshot)

    async def preflight(self, target: EcsTarget, snapshot: EcsSnapshot) -> tuple[Obstacle, ...]:
        return await preflight.preflight(self._site(target), snapshot)

    def _site(self, target: EcsTarget) -> Site:
        region = self._region(target)
        return Site(EcsCluster(region, target.cluster), Scaling(region, target.cluster))
