"""The ECS provider: which module carries which verb."""

from __future__ import annotations

from pydantic import BaseModel

from providers.aws.client import Accounts, who_answers
from providers.connectors import Connectors
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
)
from providers.ecs.cluster import EcsCluster
from providers.ecs.live import Site
from providers.ecs.manifests import service_name
from providers.ecs.scaling import Scaling
from providers.ecs.values import (
    BlueGreenCreateSpec,
    BlueGreenRollbackSpec,
    BlueGreenSwapSpec,
    CanaryDeleteSpec,
    CanaryDeploySpec,
    EcsSnapshot,
    EcsTarget,
    RollingDeploySpec,
    RollingRollbackSpec,
)
from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.values import (
    Change,
    LiveInstance,
    Obstacle,
    Outcome,
    Release,
)


class EcsVerbs:
    def __init__(self, connectors: Connectors) -> None:
        self._accounts = Accounts(connectors)

    async def capture(self, target: EcsTarget, release: Release) -> EcsSnapshot:
        return await capture.capture(self._site(target), release)

    async def deploy(self, target: EcsTarget, release: Release, step: BaseModel, attempt: Attempt) -> Outcome:
        site = self._site(target)
        match step:
            case RollingDeploySpec():
                return await deploying.roll_out(site, release, step, attempt)
            case CanaryDeploySpec():
                return await canary.deploy_canary(site, release, attempt)
            case CanaryDeleteSpec():
                return await canary.delete_canary(site, service_name(release), attempt)
            case BlueGreenCreateSpec():
                return await bluegreen.create_green(site, release, step, attempt)
            case BlueGreenSwapSpec():
                return await swapping.swap(site, release, step, attempt)
            case _:
                raise ProviderRefused(f"ECS has no forward step with a {type(step).__name__}.")

    async def roll_back(
        self, target: EcsTarget, snapshot: EcsSnapshot, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        site = self._site(target)
        match step:
            case RollingRollbackSpec():
                return await rollback.roll_back(site, snapshot, attempt)
            case CanaryDeleteSpec():
                return await canary.delete_canary(site, snapshot.base, attempt)
            case BlueGreenRollbackSpec():
                return await switching_back.switch_back(site, snapshot, step, attempt)
            case _:
                raise ProviderRefused(f"ECS has no rollback step with a {type(step).__name__}.")

    async def instances(self, target: EcsTarget, release: Release) -> tuple[LiveInstance, ...]:
        return await capture.instances(self._site(target), release)

    async def preview(self, target: EcsTarget, snapshot: EcsSnapshot) -> tuple[Change, ...]:
        return await previewing.preview(self._site(target), snapshot)

    async def preflight(self, target: EcsTarget, snapshot: EcsSnapshot) -> tuple[Obstacle, ...]:
        return await preflight.preflight(self._site(target), snapshot)

    async def check(self, connector: str) -> str:
        return await who_answers(self._accounts.at(connector))

    async def close(self) -> None:
        await self._accounts.close()

    def _site(self, target: EcsTarget) -> Site:
        region = self._accounts.at(target.connector_ref, target.region)
        return Site(EcsCluster(region, target.cluster), Scaling(region, target.cluster))
