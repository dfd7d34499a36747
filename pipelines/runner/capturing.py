"""Has the provider record the target as it is, before a deployment changes anything: the way back."""

from __future__ import annotations

from typing import Any

from pipelines.plan import PlannedStage
from pipelines.records import stage_records
from pipelines.runner.work import Work
from providers.errors import ProviderError


async def capture(work: Work, stage: PlannedStage) -> dict[str, Any]:
    """`{"snapshot": JSON, "error": None}`, or the error where the way back could not be recorded."""
    try:
        records = await stage_records(work.runtime, stage, set())
        snapshot = await records.provider.capture(records.target, records.release)
    except ProviderError as error:
        return {"snapshot": None, "error": f"The way back could not be recorded, so nothing was changed. {error}"}
    return {"snapshot": snapshot.as_json(), "error": None}
