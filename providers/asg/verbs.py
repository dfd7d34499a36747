"""The Auto Scaling provider: which module carries which verb."""

from __future__ import annotations

from pydantic import BaseModel

from providers.asg import bluegreen, canary, capturing, checking, deploying, instances, restoring
from providers.asg.site import Site, Work
from providers.asg.values import (
    AsgSnapshot,
    AsgTarget,
    BlueGreenDeploySpec,
    BlueGreenRollbackSpec,
    CanaryDeleteSpec,
    CanaryDeploySpec,
    RollingDeploySpec,
    RollingRollbackSpec,
    SwapServiceSpec,
)
from providers.aws.client import Accounts, Region, who_answers
from providers.connectors import Connectors
from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.values import Change, LiveInstance, Obstacle, Outcome, Release


class AsgVerbs:
    def __init__(self, connectors: Connectors) -> None:
        self._accounts = Accounts(connectors)

    async def capture(self, target: AsgTarget, release: Release) -> AsgSnapshot:
        return await capturing.capture(Site(self._region(target)), release)

    async def deploy(self, target: AsgTarget, release: Release, step: BaseModel, attempt: Attempt) -> Outcome:
        work = Work(self._region(target), attempt)
        match step:
            case RollingDeploySpec():
                return await deploying.roll_out(work, release, step)
            case CanaryDeploySpec():
                return await canary.deploy(work, release, step)
            case CanaryDeleteSpec():
                return await canary.delete_of_release(work, release)
            case BlueGreenDeploySpec():
                return await bluegreen.deploy(work, release, step)
            case SwapServiceSpec():
                return await bluegreen.swap(work, release, step)
            case _:
                raise ProviderRefused(f"Auto Scaling has no forward step with a {type(step).__name__}.")

    async def roll_back(
        self, target: AsgTarget, snapshot: AsgSnapshot, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        work = Work(self._region(target), attempt)
        match step:
            case RollingRollbackSpec() | BlueGreenRollbackSpec() | SwapServiceSpec():
                return await restoring.roll_back(work, snapshot)
            case CanaryDeleteSpec():
                return await canary.delete(work, snapshot.name)
            case _:
                raise ProviderRefused(f"Auto Scaling has no rollback step with a {type(step).__name__}.")

    async def instances(self, target: AsgTarget, release: Release) -> tuple[LiveInstance, ...]:
        return await instances.instances(Site(self._region(target)), release)

    async def preview(self, target: AsgTarget, snapshot: AsgSnapshot) -> tuple[Change, ...]:
        return await checking.preview(Site(self._region(target)), snapshot)

    async def preflight(self, target: AsgTarget, snapshot: AsgSnapshot) -> tuple[Obstacle, ...]:
        return await checking.obstacles(Site(self._region(target)), snapshot)

    async def check(self, connector: str) -> str:
        return await who_answers(self._accounts.at(connector))

    async def close(self) -> None:
        await self._accounts.close()

    def _region(self, target: AsgTarget) -> Region:
        return self._accounts.at(target.connector_ref, target.region)
