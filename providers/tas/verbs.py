"""The TAS provider: which module carries which verb."""

from __future__ import annotations

from pydantic import BaseModel

from providers.connecting import Opened
from providers.connectors import Connectors
from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.tas import capture, deploying, instances, preflight, resizing, rollback, setting_up, specs
from providers.tas.access import read_access
from providers.tas.calls import Call
from providers.tas.client import Connection
from providers.tas.foundation import Foundation
from providers.tas.live import Site
from providers.tas.marks import Kind
from providers.tas.values import TasSnapshot, TasTarget
from providers.values import Change, LiveInstance, Obstacle, Outcome, Release


class TasVerbs:
    def __init__(self, connectors: Connectors) -> None:
        self._connectors = connectors
        self._foundations = Opened(self._foundation)

    async def capture(self, target: TasTarget, release: Release) -> TasSnapshot:
        return await capture.capture(self.site(target), release)

    async def deploy(self, target: TasTarget, release: Release, step: BaseModel, attempt: Attempt) -> Outcome:
        site = self.site(target)
        match step:
            case specs.RollingDeploySpec():
                return await deploying.roll_out(site, release, step, attempt)
            case specs.BasicSetupSpec():
                return await setting_up.set_up(site, release, step, Kind.BASIC, attempt)
            case specs.CanarySetupSpec():
                return await setting_up.set_up(site, release, step, Kind.CANARY, attempt)
            case specs.BlueGreenSetupSpec():
                return await setting_up.set_up(site, release, step, Kind.BLUE_GREEN, attempt)
            case specs.ResizeSpec():
                return await resizing.resize(site, release, step, attempt)
            case specs.SwapSpec():
                return await resizing.swap(site, release, step, attempt)
            case _:
                raise ProviderRefused(f"TAS has no forward step with a {type(step).__name__}.")

    async def roll_back(
        self, target: TasTarget, snapshot: TasSnapshot, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        if not isinstance(step, specs.RollbackSpec | specs.SwapRollbackSpec | specs.SwapSpec):
            raise ProviderRefused(f"TAS has no rollback step with a {type(step).__name__}.")
        return await rollback.roll_back(self.site(target), snapshot, attempt)

    async def instances(self, target: TasTarget, release: Release) -> tuple[LiveInstance, ...]:
        return await instances.instances(self.site(target), release)

    async def preview(self, target: TasTarget, snapshot: TasSnapshot) -> tuple[Change, ...]:
        return await preflight.preview(self.site(target), snapshot)

    async def preflight(self, target: TasTarget, snapshot: TasSnapshot) -> tuple[Obstacle, ...]:
        return await preflight.preflight(self.site(target), snapshot)

    async def check(self, connector: str) -> str:
        visible = Call("ask the foundation for its organizations", "GET", "/v3/organizations", {"per_page": "1"})
        await self._foundations.get(connector).connection.send(visible)
        return "Cloud Foundry, API v3"

    async def close(self) -> None:
        await self._foundations.close()

    def site(self, target: TasTarget) -> Site:
        """Where the target is."""
        return Site(self._foundations.get(target.connector_ref), target)

    def _foundation(self, connector: str) -> Foundation:
        return Foundation(Connection(lambda: read_access(self._connectors, connector)))
