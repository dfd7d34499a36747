"""Actions on one group: create it, bring it into a shape, wait until it is healthy, delete it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from providers.asg import groups, health, noting, refreshing
from providers.asg.activities import Activities
from providers.asg.edits import Edit, creation, edits, shown, template_edit
from providers.asg.groups import Group
from providers.asg.site import Waiting, Work
from providers.asg.values import SavedGroup
from providers.errors import ProviderConflict, ProviderRefused
from providers.tree import Tree
from providers.values import Progress


async def present(work: Work, name: str) -> Group | None:
    """The group; one in the middle of being deleted is waited for, and then is not there."""
    waiting = Waiting(f"The end of the deletion of the Auto Scaling group {name}")
    async for _ in work.polls(waiting):
        group = await groups.read_one(work, name)
        if group is None or not group.deleting:
            return group
        waiting.seen = f"{len(group.members)} instances are still there"
        await work.attempt.report(Progress(message=f"{name}: waiting until it is deleted"))
    return None


async def create(work: Work, wanted: SavedGroup) -> None:
    """Creates a group and waits until it is healthy. One that is there already was created by an earlier try."""
    with contextlib.suppress(ProviderConflict):
        await work.change(
            "autoscaling",
            "CreateAutoScalingGroup",
            f"create the Auto Scaling group {wanted.name}",
            creation(wanted),
        )
    noting.created(work, wanted.name)
    group = await present(work, wanted.name)
    if group is None:
        raise ProviderConflict(f"Somebody else deleted the Auto Scaling group {wanted.name}.")
    await apply(work, edits(group.state, wanted), wanted)
    await wait_until_healthy(work, wanted, Activities(wanted.name))


async def reshape(
    work: Work, group: Group, wanted: SavedGroup, preferences: Tree, *, template_first: bool
) -> None:
    """Brings a group and its instances to what is wanted, and waits until they are healthy.

    With `template_first` the group launches from the wanted version at once, else when the refresh has succeeded:
    a deployment that fails midway leaves the group launching what ran before.
    """
    todo = edits(group.state, wanted)
    first = template_edit(group.state, wanted)
    if first is not None and template_first:
        todo = (first, *todo)
    refresh = await refreshing.newest(work, wanted.name)
    follows = refresh is not None and refresh.goes_on and refresh.wants(wanted) and not todo
    if refresh is not None and refresh.goes_on and not follows:
        await refreshing.settle(work, wanted.name)
    await apply(work, todo, wanted)
    if template_first:
        noting.launching(work, group.state, wanted.template)
    # What was launched from another template before may still fail, and tells nothing.
    activities = await Activities.from_now(work, wanted.name)
    # An empty group needs no refresh where its template was changed already.
    others = [member.id for member in group.staying if member.template != wanted.template]
    differs = bool(others) and wanted.desired > 0 if template_first else bool(others) or first is not None
    if differs and not follows:
        await refreshing.start(work, wanted, preferences, refresh)
    if differs or follows:
        await refreshing.follow(work, wanted, activities)
        noting.launching(work, group.state, wanted.template)
        noting.replaced(work, group.name, others)
    await wait_until_healthy(work, wanted, activities)


async def apply(work: Work, todo: Iterable[Edit], *wanted: SavedGroup) -> None:
    """Sends edits, one after another, of groups that shall be as they are `wanted`."""
    for edit in todo:
        fields = ", ".join(change.field for change in edit.changes)
        where = edit.changes[0].resource
        await work.change("autoscaling", edit.operation, f"change {fields} of {where}", edit.parameters)
        noting.edited(work, edit, wanted)


async def wait_until_healthy(work: Work, wanted: SavedGroup, activities: Activities) -> None:
    """Waits until all instances that there shall be run the wanted version and are healthy."""
    waiting = Waiting(f"The health of {wanted.name} at {shown(wanted.template)}")
    async for _ in work.polls(waiting):
        desired, members = await groups.brief(work, wanted.name)
        if not wanted.autoscaled:
            desired = wanted.desired
        staying = [member for member in members if member.stays]
        states = await health.of_targets(work, wanted.target_groups)
        ready = [
            member
            for member in staying
            if member.serves
            and member.template == wanted.template
            and all(state in health.GOOD for state in states.get(member.id, ()))
            and (not wanted.target_groups or member.id in states)
        ]
        message = f"{wanted.name}: {len(ready)} of {desired} instances are healthy at {shown(wanted.template)}"
        await work.attempt.report(Progress(message=message, ready=len(ready), desired=desired))
        if len(ready) == len(staying) and (len(staying) == desired or (wanted.weighted and staying)):
            return
        failures = await activities.failures(work)
        activities.demand_hope(waiting.what, failures)
        sick = sorted({state for member in staying for state in states.get(member.id, ())} - health.GOOD)
        waiting.seen = ". ".join((f"{len(ready)} of {desired} are healthy", *failures[:1], *sick))


async def delete(work: Work, name: str) -> None:
    """Deletes a group with its instances and waits until they are gone; nothing where it is not there."""
    group = await groups.read_one(work, name)
    if group is None:
        return
    if not group.deleting:
        try:
            await work.change(
                "autoscaling",
                "DeleteAutoScalingGroup",
                f"delete the Auto Scaling group {name}",
                {"AutoScalingGroupName": name, "ForceDelete": True},
            )
        except ProviderRefused as error:
            if not groups.is_missing(error):
                raise
            # An earlier try deleted it, and its answer was lost.
            work.done.append("DeleteAutoScalingGroup")
        noting.deleted(work, name)
    await present(work, name)
