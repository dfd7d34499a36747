"""The Auto Scaling provider: which module carries which verb."""

from __future__ import annotations

from pydantic import BaseModel

from providers.asg import bluegreen, canary, capturing, checking, deploying, instances, restoring, values
from providers.asg.site import Site, Work
from providers.asg.values import AsgSnapshot, AsgTarget
from providers.aws.client import AccountVerbs
from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.values import Change, LiveInstance, Obstacle, Outcome, Release


class AsgVerbs(AccountVerbs):
    async def capture(self, target: AsgTarget, release: Release) -> AsgSnapshot:
        return await capturing.capture(Site(self._region(target)), release)

    async def deploy(self, target: AsgTarget, release: Release, step: BaseModel, attempt: Attempt) -> Outcome:
        work = Work(self._region(target), attempt)
        match step:
            case values.RollingDeploySpec():
                return await deploying.roll_out(work, release, step)
            case values.CanaryDeploySpec():
                return await canary.deploy(work, release, step)
            case values.CanaryDeleteSpec():
                return await canary.delete_of_release(work, release)
            case values.BlueGreenDeploySpec():
                return await bluegreen.deploy(work, release, step)
            case values.SwapServiceSpec():
                return await bluegreen.swap(work, release, step)
            case _:
                raise ProviderRefused(f"Auto Scaling has no forward step with a {type(step).__name__}.")

    async def roll_back(
        self, target: AsgTarget, snapshot: AsgSnapshot, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        work = Work(self._region(target), attempt)
        match step:
            case values.RollingRollbackSpec() | values.BlueGreenRollbackSpec() | values.SwapServiceSpec():
                return await restoring.roll_back(work, snapshot)
            case values.CanaryDeleteSpec():
                return await canary.delete(work, snapshot.name)
            case _:
                raise ProviderRefused(f"Auto Scaling has no rollback step with a {type(step).__name__}.")

    async def instances(self, target: AsgTarget, release: Release) -> tuple[LiveInstance, ...]:
        return await instances.instances(Site(self._region(target)), release)

    async def preview(self, target: AsgTarget, snapshot: AsgSnapshot) -> tuple[Change, ...]:
        return await checking.preview(Site(self._region(target)), snapshot)

    async def preflight(self, target: AsgTarget, snapshot: AsgSnapshot) -> tuple[Obstacle, ...]:
        return await checking.obstacles(Site(self._region(target)), snapshot)
