"""What a way back would change, decided from the snapshot and what is live. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from providers.asg.edits import all_changes, edits, shown
from providers.asg.groups import Group
from providers.asg.names import CREATED_TAG, DEPLOYED_TAG, OWN_TAGS
from providers.asg.values import AsgSnapshot, SavedGroup, TemplateVersion
from providers.aws.values import Route, group_name
from providers.values import Change


def goal(saved: SavedGroup, live: SavedGroup) -> SavedGroup:
    """What a group shall be in the end: as saved, but its count where something scales it."""
    if not saved.autoscaled:
        return saved
    desired = max(saved.least, min(saved.most, max(saved.desired, live.desired)))
    return saved.model_copy(update={"desired": desired})


def extra(snapshot: AsgSnapshot, live: Mapping[str, Group]) -> list[Group]:
    """The groups that deployments created and that were not there before."""
    before = {saved.name for saved in snapshot.saved}
    return [
        group
        for name, group in sorted(live.items())
        if name not in before and (group.tag(CREATED_TAG) is not None or group.deleting)
    ]


def rerouted(snapshot: AsgSnapshot, live: Sequence[Route], groups: Mapping[str, Group]) -> list[Route]:
    """The saved routes that lead elsewhere now, where either way leads to a group of this service."""
    ours = {arn for saved in snapshot.saved for arn in saved.target_groups}
    ours |= {arn for group in groups.values() for arn in group.state.target_groups}
    now = {route.arn: route for route in live}
    found: list[Route] = []
    for saved in snapshot.routes:
        current = now.get(saved.arn)
        if current is not None and current.groups != saved.groups and ours & {*current.groups, *saved.groups}:
            found.append(saved)
    # Production comes first: it is the way into the group that served.
    first = set(snapshot.saved[0].target_groups) if snapshot.saved else set[str]()
    return sorted(found, key=lambda route: not first & {*route.groups})


def deployed_since(snapshot: AsgSnapshot, live: Mapping[str, Group]) -> list[Group]:
    """The colours that a deployment brought a release to after the snapshot."""
    before = {
        saved.name: next((tag.value for tag in saved.tags if tag.key == DEPLOYED_TAG), None)
        for saved in snapshot.saved
    }
    return [
        group
        for name, group in sorted(live.items())
        if group.tag(DEPLOYED_TAG) is not None and group.tag(DEPLOYED_TAG) != before.get(name)
    ]


def changes(
    snapshot: AsgSnapshot,
    live: Mapping[str, Group],
    routes: Sequence[Route],
    images: Mapping[TemplateVersion, str | None],
    names: Mapping[str, str],
) -> tuple[Change, ...]:
    """All that differs from the snapshot, but for our own notes; `names` of listeners and rules by their ARN."""
    found: list[Change] = []
    for saved in snapshot.saved:
        group = live.get(saved.name)
        if group is None or group.deleting:
            target = f"{saved.desired} instances at {_told(saved.template, images)}"
            found.append(Change(resource=f"Auto Scaling group {saved.name}", field="group", target=target))
        else:
            found += _version_changes(saved, group, images)
            found += _of_settings(all_changes(edits(group.state, goal(saved, group.state))))
    now = {route.arn: route for route in routes}
    for route in rerouted(snapshot, routes, live):
        current = now[route.arn]
        where = f"Listener rule {names[route.arn]}" if route.rule else f"Listener {names[route.arn]}"
        behind_now = {arn: group.state for group in live.values() for arn in group.state.target_groups}
        behind_then = {arn: saved for saved in snapshot.saved for arn in saved.target_groups}
        before = ", ".join(_behind(arn, behind_now, images) for arn in current.groups)
        after = ", ".join(_behind(arn, behind_then, images) for arn in route.groups)
        found.append(Change(resource=where, field="target groups", current=before, target=after))
    for group in extra(snapshot, live):
        current = f"{len(group.staying)} instances at {_told(group.state.template, images)}"
        found.append(Change(resource=f"Auto Scaling group {group.name}", field="group", current=current))
    return tuple(found)


def _of_settings(found: Iterable[Change]) -> Iterable[Change]:
    return (change for change in found if not change.field.startswith(f"tag {OWN_TAGS}"))


def _version_changes(
    saved: SavedGroup, group: Group, images: Mapping[TemplateVersion, str | None]
) -> Iterable[Change]:
    resource = f"Auto Scaling group {group.name}"
    after = _told(saved.template, images)
    if group.state.template != saved.template:
        before = _told(group.state.template, images)
        yield Change(resource=resource, field="launch template", current=before, target=after)
    elif group.state.mixed != saved.mixed:
        yield Change(resource=resource, field="mixed instances policy", current="changed", target="as before")
    others = {member.template for member in group.staying if member.template != saved.template}
    if others and group.state.template == saved.template:
        before = ", ".join(sorted("unknown" if item is None else _told(item, images) for item in others))
        yield Change(resource=resource, field="instances", current=before, target=after)


def _behind(arn: str, states: Mapping[str, SavedGroup], images: Mapping[TemplateVersion, str | None]) -> str:
    state = states.get(arn)
    name = group_name(arn)
    return name if state is None else f"{name} ({state.name}: {_told(state.template, images)})"


def _told(template: TemplateVersion, images: Mapping[TemplateVersion, str | None]) -> str:
    image = images.get(template)
    return f"{image} ({shown(template)})" if image else shown(template)
