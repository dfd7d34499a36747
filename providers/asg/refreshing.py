"""Instance refreshes: one is found again, started, followed to its end, or cancelled.

StartInstanceRefresh has no token of its own. It is safe to repeat because only one can go on at a time, its
desired configuration tells whose it is, and instances that match it are never replaced; one that has ended before
its answer was missed is found by looking first.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from providers.asg.activities import Activities
from providers.asg.edits import configuration, shown
from providers.asg.site import Site, Waiting, Work
from providers.asg.values import SavedGroup
from providers.errors import ProviderConflict, ProviderNotFound, ProviderRefused
from providers.tree import Tree, number, text, tree, trees
from providers.values import Progress

_GOING_ON = frozenset({"Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking"})
GENTLE: Tree = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110}
"""For ways back: a new instance is up before an old one goes."""
# Left to their defaults, protected instances and ones put aside hold a refresh up for an hour, and then it fails.
_ALWAYS: Tree = {"SkipMatching": True, "ScaleInProtectedInstances": "Refresh", "StandbyInstances": "Ignore"}


@dataclass(frozen=True)
class Refresh:
    """An instance refresh as it is now."""

    id: str
    status: str
    reason: str | None
    percentage: int
    left: int | None
    desired: Tree
    began: str = ""
    """In UTC, and so in the order of time."""

    @property
    def goes_on(self) -> bool:
        return self.status in _GOING_ON

    def done(self, desired: int) -> int | None:
        """How many of so many instances are as wanted; None before it has begun, when it has counted none yet."""
        if self.left is None or self.status == "Pending":
            return None
        return max(0, desired - self.left)

    def wants(self, group: SavedGroup) -> bool:
        """Whether it brings a group to a template version, and is not on its way back."""
        wanted = _specification(configuration(group))
        mine = _specification(self.desired)
        return self.status not in ("Cancelling", "RollbackInProgress") and all(
            mine.get(key) == wanted[key] for key in ("LaunchTemplateId", "Version")
        )


async def newest(site: Site, name: str) -> Refresh | None:
    """The refresh that was started last; None where there never was one."""

    async def look() -> dict[str, Refresh]:
        answer = await site.ask(
            "autoscaling",
            "DescribeInstanceRefreshes",
            f"read the instance refreshes of {name}",
            AutoScalingGroupName=name,
            MaxRecords=1,
        )
        return {_thing(name): _parsed(item) for item in trees(answer, "InstanceRefreshes")[:1]}

    return (await site.region.written.read(_thing(name), look, [_thing(name)])).get(_thing(name))


async def settle(work: Work, name: str) -> None:
    """Cancels a refresh that goes on, and waits for its end; nothing where none does."""
    waiting = Waiting(f"The end of the instance refresh of {name} that went on")
    async for _ in work.polls(waiting):
        refresh = await newest(work, name)
        if refresh is None or not refresh.goes_on:
            return
        if refresh.status != "Cancelling":
            try:
                await work.change(
                    "autoscaling",
                    "CancelInstanceRefresh",
                    f"cancel the instance refresh of {name}",
                    {"AutoScalingGroupName": name},
                )
            except (ProviderNotFound, ProviderConflict):
                continue
        waiting.seen = f"{refresh.status}. {refresh.reason or ''}".strip()
        await work.attempt.report(Progress(message=f"{name}: waiting for the end of another instance refresh"))


async def start(work: Work, group: SavedGroup, preferences: Tree, before: Refresh | None) -> Refresh:
    """Starts the refresh that brings a group's instances to its template version, unless it goes on already.

    `before` is the newest one that there was.
    """

    def is_new(found: Refresh) -> bool:
        return found.id != (before.id if before is not None else "") and found.wants(group)

    async def look() -> Tree | None:
        found = await newest(work, group.name)
        return {"InstanceRefreshId": found.id} if found is not None and is_new(found) else None

    # A conflict: the answer to an earlier try was lost, or somebody was faster. What goes on now tells.
    answer: Tree = {}
    with contextlib.suppress(ProviderConflict):
        answer = await work.change(
            "autoscaling",
            "StartInstanceRefresh",
            f"start the instance refresh of {group.name}",
            {
                "AutoScalingGroupName": group.name,
                "DesiredConfiguration": configuration(group),
                "Preferences": {**preferences, **_ALWAYS},
            },
            look,
        )

    def shows(found: Refresh | None) -> bool:
        if found is None:
            return False
        return before is None or found.began > before.began or found.id == text(answer, "InstanceRefreshId")

    work.region.written.note(_thing(group.name), "refresh", shows, ordered=True)
    refresh = await newest(work, group.name)
    if refresh is None or not refresh.wants(group):
        raise ProviderConflict(
            f"Somebody else refreshes the instances of {group.name}: try again when it is over."
        )
    return refresh


async def follow(work: Work, group: SavedGroup, activities: Activities) -> None:
    """Waits for the end of the group's refresh; ProviderRefused says why it failed, as early as that is known."""
    waiting = Waiting(f"The instance refresh of {group.name} to {shown(group.template)}")
    async for _ in work.polls(waiting):
        refresh = await newest(work, group.name)
        if refresh is None or not refresh.wants(group):
            raise ProviderConflict(f"Somebody else stopped the instance refresh of {group.name}.")
        if refresh.status == "Successful":
            return
        failures = await activities.failures(work)
        if not refresh.goes_on:
            said = ". ".join(part for part in (refresh.status, refresh.reason, *failures[:1]) if part)
            raise ProviderRefused(f"{waiting.what} did not succeed.", said)
        activities.demand_hope(waiting.what, failures)
        done = refresh.done(group.desired)
        left = "" if done is None else f", {refresh.left} to go"
        waiting.seen = ". ".join((f"{refresh.percentage}% complete{left}", *failures[:1]))
        message = f"{group.name}: instance refresh {refresh.percentage}% complete"
        await work.attempt.report(Progress(message=message, ready=done, desired=group.desired))


def _thing(name: str) -> str:
    return f"instance refresh of {name}"


def _parsed(item: Tree) -> Refresh:
    return Refresh(
        text(item, "InstanceRefreshId") or "",
        text(item, "Status") or "",
        text(item, "StatusReason"),
        number(item, "PercentageComplete") or 0,
        number(item, "InstancesToUpdate"),
        tree(item, "DesiredConfiguration"),
        # One that has not begun is the newest.
        text(item, "StartTime") or "pending",
    )


def _specification(settings: Tree) -> Tree:
    mixed = tree(settings, "MixedInstancesPolicy", "LaunchTemplate", "LaunchTemplateSpecification")
    return tree(settings, "LaunchTemplate") or mixed
