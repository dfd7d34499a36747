"""The way back: every group as it was, capacity and health first, then traffic, then what is too much."""

from __future__ import annotations

from collections.abc import Mapping

from providers.asg import colours, groups, refreshing, shaping, templates
from providers.asg.checking import current_routes, obstacles
from providers.asg.edits import shown
from providers.asg.groups import Group
from providers.asg.names import CREATED_TAG, family
from providers.asg.planning import deployed_since, extra, goal, rerouted
from providers.asg.site import Work
from providers.asg.values import AsgSnapshot, SavedGroup
from providers.errors import ProviderRefused
from providers.tree import Tree
from providers.values import Effect, Outcome, Progress


async def roll_back(work: Work, snapshot: AsgSnapshot) -> Outcome:
    """Everything is as in the snapshot."""
    closed = [item for item in await obstacles(work, snapshot) if item.blocking]
    if closed:
        raise ProviderRefused(f"{closed[0].message} {closed[0].remedy}")
    live = await groups.read(work, family(snapshot.name))
    for saved in snapshot.saved[:1]:
        await _restore(work, saved, live, serves=True)
    for route in rerouted(snapshot, await current_routes(work, snapshot), live):
        await work.attempt.report(Progress(message=f"{snapshot.name}: traffic goes back to where it went"))
        await colours.turn(work, route)
    # A way in that the snapshot does not know: nothing stood behind it then.
    for group in deployed_since(snapshot, live):
        for pair in colours.pairs_of(group):
            await colours.swap_back(work, pair)
    for saved in snapshot.saved[1:]:
        await _restore(work, saved, live, serves=False)
    for group in extra(snapshot, live):
        await shaping.delete(work, group.name)
    if not snapshot.existed:
        await _forget_template(work, snapshot)
    return _outcome(work, snapshot)


async def _restore(work: Work, saved: SavedGroup, live: Mapping[str, Group], *, serves: bool) -> None:
    seen = live.get(saved.name)
    group = seen if seen is None or not seen.deleting else await shaping.present(work, saved.name)
    if group is None:
        await shaping.create(work, saved)
        return
    wanted = goal(saved, group.state)
    # Nothing is given up before the old version carries the load of the moment.
    for_now = wanted
    if serves and group.state.desired > wanted.desired:
        most = max(wanted.most, group.state.desired)
        for_now = wanted.model_copy(update={"desired": group.state.desired, "most": most})
    if _is_there(group, wanted):
        refresh = await refreshing.newest(work, saved.name)
        if refresh is None or not refresh.goes_on:
            return
    told = f"{saved.name}: {for_now.desired} instances of {shown(saved.template)} come back"
    await work.attempt.report(Progress(message=told))
    await shaping.reshape(work, group, for_now, refreshing.GENTLE, template_first=True)
    if for_now != wanted:
        again = await shaping.present(work, saved.name)
        if again is not None:
            await shaping.reshape(work, again, wanted, refreshing.GENTLE, template_first=True)


def _is_there(group: Group, wanted: SavedGroup) -> bool:
    return group.state == wanted and all(
        member.template == wanted.template and member.serves for member in group.staying
    )


async def _forget_template(work: Work, snapshot: AsgSnapshot) -> None:
    """Removes what a first deployment made of the launch template."""
    template = await templates.find(work, snapshot.template_name)
    if template is None:
        return
    doing = f"remove what the deployment made of the launch template {template.name}"
    here: Tree = {"LaunchTemplateId": template.id}
    if snapshot.newest_version == 0:
        if CREATED_TAG in template.tags:
            await work.change("ec2", "DeleteLaunchTemplate", doing, here)
            templates.forget(work, template, map(str, range(1, template.newest + 1)))
            templates.note(work, template.name, "newest", lambda found: found is None)
        return
    ours = [
        str(version.template.version)
        for version in await templates.versions(work, template.id)
        if version.template.version > snapshot.newest_version and (version.description or "").startswith("unship-")
    ]
    if ours:
        await work.change("ec2", "DeleteLaunchTemplateVersions", doing, {**here, "Versions": list(ours)})
        templates.forget(work, template, ours)


def _outcome(work: Work, snapshot: AsgSnapshot) -> Outcome:
    first = snapshot.saved[0] if snapshot.saved else None
    image = snapshot.artifact.image if snapshot.artifact is not None else None
    return Outcome(
        effect=Effect.CHANGED if work.done else Effect.SKIPPED,
        reason=None if work.done else "Everything is as it was before the deployment.",
        outputs={
            "asgName": snapshot.name if first is None else first.name,
            "restoredLaunchTemplateName": "" if first is None else first.template.name,
            "restoredLaunchTemplateVersion": "" if first is None else str(first.template.version),
            "restoredImageId": image or "",
            "restoredDesiredCapacity": 0 if first is None else first.desired,
        },
    )
