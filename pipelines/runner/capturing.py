"""Has the provider record the target as it is, before a deployment changes anything: the way back."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.plan import PlannedStage
from pipelines.records import stage_records
from pipelines.runner.work import Work
from providers.errors import ProviderError
from providers.values import Snapshot


@dataclass(frozen=True)
class Captured:
    """The snapshot, or the error where the way back could not be recorded."""

    snapshot: Snapshot | None = None
    error: str | None = None


async def capture(work: Work, stage: PlannedStage) -> Captured:
    """Ask the provider of the stage for a snapshot of its target."""
    try:
        records = await stage_records(work.runtime, stage, set())
        snapshot = await records.provider.capture(records.target, records.release)
    except ProviderError as error:
        return Captured(error=f"The way back could not be recorded, so nothing was changed. {error}")
    return Captured(snapshot)
