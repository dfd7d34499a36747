"""The TAS provider: which module carries which verb."""

from __future__ import annotations

from pydantic import BaseModel

from providers.connectors import Connectors, ConnectorsError
from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.tas import capture, deploying, instances, preflight, resizing, rollback, setting_up
from providers.tas.access import Access, read_access
from providers.tas.calls import Call
from providers.tas.client import Connection
from providers.tas.foundation import Foundation
from providers.tas.live import Site
from providers.tas.marks import Kind
from providers.tas.specs import (
    BasicSetupSpec,
    BlueGreenSetupSpec,
    CanarySetupSpec,
    ResizeSpec,
    RollbackSpec,
    RollingDeploySpec,
    SwapRollbackSpec,
    SwapSpec,
)
from providers.tas.values import CONNECTOR_TYPE, TasSnapshot, TasTarget
from providers.values import (
    Change,
    LiveInstance,
    Obstacle,
    Outcome,
    Release,
)


class TasVerbs:
    def __init__(self, connectors: Connectors) -> None:
        self._connectors = connectors
        self._foundations: dict[str, Foundation] = {}

    async def capture(self, target: TasTarget, release: Release) -> TasSnapshot:
        return await capture.capture(self.site(target), release)

    async def deploy(self, target: TasTarget, release: Release, step: BaseModel, attempt: Attempt) -> Outcome:
        site = self.site(target)
        match step:
            case RollingDeploySpec():
                return await deploying.roll_out(site, release, step, attempt)
            case BasicSetupSpec():
                return await setting_up.set_up(site, release, step, Kind.BASIC, attempt)
            case CanarySetupSpec():
                return await setting_up.set_up(site, release, step, Kind.CANARY, attempt)
            case BlueGreenSetupSpec():
                return await setting_up.set_up(site, release, step, Kind.BLUE_GREEN, attempt)
            case ResizeSpec():
                return await resizing.resize(site, release, step, attempt)
            case SwapSpec():
                return await resizing.swap(site, release, step, attempt)
            case _:
                raise ProviderRefused(f"TAS has no forward step with a {type(step).__name__}.")

    async def roll_back(
        self, target: TasTarget, snapshot: TasSnapshot, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        if not isinstance(step, RollbackSpec | SwapRollbackSpec | SwapSpec):
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
        await self._foundation(connector).connection.send(visible)
        return "Cloud Foundry, API v3"

    async def close(self) -> None:
        foundations = list(self._foundations.values())
        self._foundations.clear()
        for foundation in foundations:
            await foundation.connection.close()

    def site(self, target: TasTarget) -> Site:
        """Where the target is."""
        return Site(self._foundation(target.connector_ref), target)

    def _foundation(self, connector: str) -> Foundation:
        foundation = self._foundations.get(connector)
        if foundation is None:
            foundation = Foundation(Connection(lambda: self._access(connector)))
            self._foundations[connector] = foundation
        return foundation

    def _access(self, identifier: str) -> Access:
        try:
            return read_access(self._connectors.get(identifier, CONNECTOR_TYPE))
        except ConnectorsError as error:
            raise ProviderRefused(str(error)) from error
