"""What a release that did not come to its end has left behind, cleared away before the next one begins."""

from __future__ import annotations

from dataclasses import dataclass

from providers.interface import Attempt
from providers.tas.capture import snapshot_of
from providers.tas.live import Family, Site
from providers.tas.preflight import differences, obstacles
from providers.tas.rollback import roll_back
from providers.values import Progress


async def cleared(site: Site, family: Family, attempt: Attempt) -> Family:
    """The apps without what an earlier release that did not come to its end has left behind."""
    record = family.record
    if record is None or record.finished:
        return family
    base = await snapshot_of(site, family)
    found = await differences(site, family, base)
    closed = any(one.blocking for one in await obstacles(site, family, found))
    if base != record.base or not found.any or closed:
        return family
    await attempt.report(Progress(message="Bringing back what was before the release that failed"))
    await roll_back(site, base, _Before(attempt))
    return await site.family(family.name)


@dataclass(frozen=True)
class _Before:
    """The part of an attempt before its own work, with a token of its own."""

    whole: Attempt

    @property
    def token(self) -> str:
        return f"{self.whole.token}-before"

    @property
    def seconds_left(self) -> float:
        return self.whole.seconds_left

    async def report(self, progress: Progress) -> None:
        await self.whole.report(progress)

    async def before_effect(self) -> None:
        await self.whole.before_effect()
