"""Scaling activities: what failed since a step began, and whether there is hope left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from providers.asg.groups import is_missing
from providers.asg.site import Site
from providers.errors import ProviderRefused
from providers.tree import Tree, text, trees

MOST_FAILURES = 3
# These go away by themselves.
_PASSING = re.compile(r"capacity|throttl|rate exceeded|request limit", re.IGNORECASE)


@dataclass(frozen=True)
class Activities:
    """The activities of a group, but for those that there were before."""

    group: str
    before: frozenset[str] = frozenset()

    @classmethod
    async def from_now(cls, site: Site, group: str) -> Activities:
        """Those that begin from now on."""
        found = await _read(site, group)
        return cls(group, frozenset(text(item, "ActivityId") or "" for item in found))

    async def failures(self, site: Site) -> list[str]:
        """What the failed ones say, the newest first."""
        return [
            text(item, "StatusMessage") or text(item, "Description") or "it failed"
            for item in await _read(site, self.group)
            if text(item, "StatusCode") == "Failed" and text(item, "ActivityId") not in self.before
        ]

    def demand_hope(self, what: str, failures: Sequence[str]) -> None:
        """ProviderRefused where instances fail again and again for a reason that does not pass."""
        lasting = [message for message in failures if not _PASSING.search(message)]
        if len(lasting) >= MOST_FAILURES:
            raise ProviderRefused(f"{what} cannot succeed: its instances do not start.", lasting[0])


async def _read(site: Site, group: str) -> list[Tree]:
    """The newest first, none of a group that is not there. What one read has shown is not new to a later one."""
    thing = f"activities of {group}"

    async def look() -> dict[str, list[Tree]]:
        try:
            answer = await site.ask(
                "autoscaling",
                "DescribeScalingActivities",
                f"read the activities of {group}",
                AutoScalingGroupName=group,
                MaxRecords=20,
            )
        except ProviderRefused as error:
            if not is_missing(error):
                raise
            return {thing: []}
        return {thing: trees(answer, "Activities")}

    found = (await site.region.written.read(thing, look))[thing]
    newest = _newest(found)
    site.region.written.note(thing, "newest", lambda later: _newest(later) >= newest, ordered=True)
    return found


def _newest(found: list[Tree]) -> str:
    """When the newest one began: in UTC, and so in the order of time."""
    return max((text(item, "StartTime") or "" for item in found), default="")
