"""Has the provider record the target as it is, before a deployment changes anything: the way back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.tables import Stage
from pipelines.plan import PlannedStage, PlannedStep, steps_in
from pipelines.records import stage_records
from pipelines.runner.work import Work
from providers.errors import ProviderError
from providers.values import Snapshot


@dataclass(frozen=True)
class Captured:
    """The snapshot, or the error where the way back could not be recorded."""

    snapshot: Snapshot | None = None
    error: str | None = None


@dataclass
class WayBack:
    """The snapshot of a deployment's stage: taken when it begins, and again before its first step at the platform.

    Again only where other steps come first. What others do to the target while a stage waits is part of what there
    was before it.
    """

    work: Work
    stage: PlannedStage
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _renewed: bool = False

    async def record(self) -> str | None:
        """Take it when the stage begins; the error, where there is one: then nothing may be changed."""
        first = next(steps_in(self.stage.steps), None)
        self._renewed = first is None or first.at_platform
        return await self.work.step(f"capture {self.stage.identifier}", self._capture, self._store)

    async def before(self, step: PlannedStep) -> None:
        """Take it again if this step is the first at the platform; where that cannot be, the first one stays."""
        if not step.at_platform:
            return
        async with self._turn:
            if not self._renewed:
                # Records of its own: which of parallel steps comes first may differ when they are repeated.
                apart = self.work.branch(f"{self.stage.id}:way back")
                await apart.step(f"capture {self.stage.identifier} again", self._capture, self._store)
                self._renewed = True

    async def _capture(self) -> Captured:
        try:
            records = await stage_records(self.work.runtime, self.stage, set())
            return Captured(await records.provider.capture(records.target, records.release))
        except ProviderError as error:
            return Captured(error=f"The way back could not be recorded, so nothing was changed. {error}")

    async def _store(self, session: AsyncSession, captured: Captured) -> str | None:
        if captured.snapshot is not None:
            snapshot = captured.snapshot.as_json()
            await session.execute(
                sa.update(Stage)
                .where(col(Stage.id) == self.stage.id)
                .values(snapshot=snapshot, previous_artifact=snapshot["artifact"])
            )
        return captured.error
