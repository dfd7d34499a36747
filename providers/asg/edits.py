"""The requests that make a group what it shall be, one value each: shown by a preview, sent by a step. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from providers.asg.merging import name_of
from providers.asg.values import SavedGroup, Tag, TemplateVersion
from providers.aws.values import group_name
from providers.tree import Tree, compact, put, trees
from providers.values import Change

# How UpdateAutoScalingGroup takes a setting away again.
_UNSET: Tree = {
    "PlacementGroup": "",
    "MaxInstanceLifetime": 0,
    "DefaultInstanceWarmup": -1,
    "InstanceMaintenancePolicy": {"MinHealthyPercentage": -1, "MaxHealthyPercentage": -1},
    "Context": "",
}
_RULES = (
    ("hooks", "PutLifecycleHook", "DeleteLifecycleHook", "LifecycleHookName", "lifecycle hook"),
    ("policies", "PutScalingPolicy", "DeletePolicy", "PolicyName", "scaling policy"),
    (
        "scheduled",
        "PutScheduledUpdateGroupAction",
        "DeleteScheduledAction",
        "ScheduledActionName",
        "scheduled action",
    ),
)


@dataclass(frozen=True)
class Edit:
    """A request to Auto Scaling, and the differences that it takes away."""

    operation: str
    parameters: Tree
    changes: tuple[Change, ...]


def edits(live: SavedGroup, wanted: SavedGroup) -> tuple[Edit, ...]:
    """From what a group is to what it shall be; the template is changed by `template_edit` or a refresh."""
    return (
        *_update(live, wanted),
        *_target_groups(live, wanted),
        *_tags(live, wanted),
        *(edit for kind in _RULES for edit in _rule_edits(live, wanted, kind)),
        *_suspended(live, wanted),
    )


def template_edit(live: SavedGroup, wanted: SavedGroup) -> Edit | None:
    """Lets a group launch from another template version from now on."""
    if live.template == wanted.template and live.mixed == wanted.mixed:
        return None
    return Edit(
        "UpdateAutoScalingGroup",
        {"AutoScalingGroupName": wanted.name, **configuration(wanted)},
        (_change(wanted, "launch template", shown(live.template), shown(wanted.template)),),
    )


def configuration(group: SavedGroup) -> Tree:
    """Template and mixed instances policy as requests take them."""
    template = group.template
    specification: Tree = {"LaunchTemplateId": template.id, "Version": str(template.version)}
    if group.mixed is None:
        return {"LaunchTemplate": specification}
    mixed = put(group.mixed, specification, "LaunchTemplate", "LaunchTemplateSpecification")
    return {"MixedInstancesPolicy": mixed}


def tag_edits(pairs: Sequence[tuple[SavedGroup, SavedGroup]]) -> tuple[Edit, ...]:
    """New and changed tags of several groups, in one request."""
    found = [
        edit for live, wanted in pairs for edit in _tags(live, wanted) if edit.operation == "CreateOrUpdateTags"
    ]
    if not found:
        return ()
    tags = [tag for edit in found for tag in trees(edit.parameters, "Tags")]
    return (Edit("CreateOrUpdateTags", {"Tags": list[JsonValue](tags)}, all_changes(found)),)


def creation(group: SavedGroup) -> Tree:
    """The request that creates a group; `edits` of what then is there bring the rest."""
    created: Tree = {
        "AutoScalingGroupName": group.name,
        **configuration(group),
        **group.settings,
        "MinSize": group.least,
        "MaxSize": group.most,
        "DesiredCapacity": group.desired,
        "Tags": [_tag(group.name, tag) for tag in group.tags],
    }
    if group.target_groups:
        created["TargetGroupARNs"] = list(group.target_groups)
    if group.hooks:
        created["LifecycleHookSpecificationList"] = list(group.hooks)
    return created


def shown(template: TemplateVersion) -> str:
    """A template's version for people."""
    return f"{template.name} version {template.version}"


def _update(live: SavedGroup, wanted: SavedGroup) -> Iterator[Edit]:
    parameters: Tree = {}
    changes: list[Change] = []
    for key, before, after in (
        ("MinSize", live.least, wanted.least),
        ("MaxSize", live.most, wanted.most),
        ("DesiredCapacity", live.desired, wanted.desired),
    ):
        if before != after:
            changes.append(_change(wanted, key, before, after))
    if changes:
        parameters = {"MinSize": wanted.least, "MaxSize": wanted.most, "DesiredCapacity": wanted.desired}
    for key in sorted({*live.settings, *wanted.settings}):
        before, after = live.settings.get(key), wanted.settings.get(key, _UNSET.get(key))
        if before != after and after is not None and (key in wanted.settings or key in live.settings):
            parameters[key] = after
            changes.append(_change(wanted, key, before, wanted.settings.get(key)))
    if changes:
        yield Edit("UpdateAutoScalingGroup", {"AutoScalingGroupName": wanted.name, **parameters}, tuple(changes))


def _target_groups(live: SavedGroup, wanted: SavedGroup) -> Iterator[Edit]:
    added = [arn for arn in wanted.target_groups if arn not in live.target_groups]
    removed = [arn for arn in live.target_groups if arn not in wanted.target_groups]
    for operation, arns, gone in (
        ("AttachLoadBalancerTargetGroups", added, False),
        ("DetachLoadBalancerTargetGroups", removed, True),
    ):
        if arns:
            changes = tuple(
                _change(wanted, "target group", name if gone else None, None if gone else name)
                for name in map(group_name, arns)
            )
            yield Edit(operation, {"AutoScalingGroupName": wanted.name, "TargetGroupARNs": list(arns)}, changes)


def _tags(live: SavedGroup, wanted: SavedGroup) -> Iterator[Edit]:
    before, after = ({tag.key: tag for tag in group.tags} for group in (live, wanted))
    changed = [tag for key, tag in after.items() if before.get(key) != tag]
    gone = [tag for key, tag in before.items() if key not in after]
    for operation, tags in (("CreateOrUpdateTags", changed), ("DeleteTags", gone)):
        if tags:
            changes = tuple(
                _change(wanted, f"tag {tag.key}", _value(before.get(tag.key)), _value(after.get(tag.key)))
                for tag in tags
            )
            yield Edit(operation, {"Tags": [_tag(wanted.name, tag) for tag in tags]}, changes)


def _rule_edits(live: SavedGroup, wanted: SavedGroup, kind: tuple[str, ...]) -> Iterator[Edit]:
    attribute, put_one, delete_one, name_key, word = kind
    before: dict[str, Tree] = {name_of(rule): rule for rule in getattr(live, attribute)}
    after: dict[str, Tree] = {name_of(rule): rule for rule in getattr(wanted, attribute)}
    here: Tree = {"AutoScalingGroupName": wanted.name}
    for name, rule in after.items():
        if before.get(name) != rule:
            change = _change(wanted, f"{word} {name}", before.get(name), rule)
            yield Edit(put_one, {**here, **rule}, (change,))
    for name, rule in before.items():
        if name not in after:
            yield Edit(delete_one, {**here, name_key: name}, (_change(wanted, f"{word} {name}", rule, None),))


def _suspended(live: SavedGroup, wanted: SavedGroup) -> Iterator[Edit]:
    for operation, names in (
        ("SuspendProcesses", sorted({*wanted.suspended} - {*live.suspended})),
        ("ResumeProcesses", sorted({*live.suspended} - {*wanted.suspended})),
    ):
        if names:
            before, after = (
                ("running", "suspended") if operation == "SuspendProcesses" else ("suspended", "running")
            )
            changes = tuple(_change(wanted, f"process {name}", before, after) for name in names)
            yield Edit(operation, {"AutoScalingGroupName": wanted.name, "ScalingProcesses": list(names)}, changes)


def _tag(group: str, tag: Tag) -> Tree:
    return {
        "ResourceId": group,
        "ResourceType": "auto-scaling-group",
        "Key": tag.key,
        "Value": tag.value,
        "PropagateAtLaunch": tag.at_launch,
    }


def _value(tag: Tag | None) -> str | None:
    return None if tag is None else tag.value


def _change(group: SavedGroup, field: str, before: JsonValue, after: JsonValue) -> Change:
    return Change(resource=_resource(group), field=field, current=_told(before), target=_told(after))


def _resource(group: SavedGroup) -> str:
    return f"Auto Scaling group {group.name}"


def _told(value: JsonValue) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return compact(value)


def all_changes(found: Iterable[Edit]) -> tuple[Change, ...]:
    """What edits take away, in their order."""
    return tuple(change for edit in found for change in edit.changes)


def changed_fields(found: Iterable[Edit], group: SavedGroup) -> set[str]:
    """The fields of one group that edits change."""
    return {change.field for change in all_changes(found) if change.resource == _resource(group)}
