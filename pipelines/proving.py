"""Asks the platform what runs on a target now, and after a rollback proves that it is what ran before."""

from __future__ import annotations

import asyncio

from pipelines.plan import PlannedStage
from pipelines.records import stage_records
from pipelines.runtime import Runtime
from pipelines.verification import Difference, compare, is_settling
from providers.errors import ProviderError
from providers.values import LiveInstance, Snapshot, Value

_SETTLE_SECONDS = 15.0
_SETTLE_INTERVAL = 0.5
_NAMED = 5


class Proof(Value):
    """What runs now (None where the platform could not be asked) and how it differs from what should."""

    live: tuple[LiveInstance, ...] | None = None
    differences: tuple[Difference, ...] = ()
    error: str | None = None
    compared: bool = False
    restored: str | None = None

    @property
    def shortfall(self) -> str | None:
        """Why success cannot be said, naming the instances that differ; None where it can."""
        if not self.compared:
            return None
        if self.error:
            return f"What runs now could not be verified: {self.error}"
        if not self.differences:
            return None
        named = "; ".join(str(difference) for difference in self.differences[:_NAMED])
        more = len(self.differences) - _NAMED
        return f"{named}; and {more} more." if more > 0 else f"{named}."

    @property
    def statement(self) -> str | None:
        """What was restored, in words; None where nothing was compared."""
        return self.restored if self.compared else None


async def prove(runtime: Runtime, stage: PlannedStage, *, compared: bool) -> Proof:
    """What runs now. Instances that are still starting get some seconds to become what they should be."""
    try:
        return await _prove(runtime, stage, compared=compared)
    except ProviderError as error:
        return Proof(error=str(error), compared=compared)


async def _prove(runtime: Runtime, stage: PlannedStage, *, compared: bool) -> Proof:
    records = await stage_records(runtime, stage, set())
    snapshot = records.snapshot
    if not compared or snapshot is None:
        return Proof(live=await records.provider.instances(records.target, records.release))
    deadline = asyncio.get_running_loop().time() + _SETTLE_SECONDS
    while True:
        live = await records.provider.instances(records.target, records.release)
        differences = compare(snapshot.groups, live)
        settling = differences and is_settling(snapshot.groups, live)
        if not settling or asyncio.get_running_loop().time() > deadline:
            return Proof(live=live, differences=differences, compared=True, restored=_restored(snapshot))
        await asyncio.sleep(_SETTLE_INTERVAL)


def _restored(snapshot: Snapshot) -> str:
    groups = ", ".join(
        f"{group.count} of {group.name} at {group.artifact.display_name}"
        + (f" (revision {group.revision})" if group.revision else "")
        for group in snapshot.groups
    )
    return f"Restored and verified: {groups}." if groups else "Restored and verified."
