"""What a service's manifests want: launch template, group, scaling policies, scheduled actions.

Contents are requests of the AWS API. Unknown keys are refused with the nearest known one. Pure.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue

from providers.asg.groups import SETTINGS
from providers.asg.values import GROUP, POLICY, SCHEDULED, TEMPLATE, Tag
from providers.errors import ProviderRefused
from providers.tree import Tree, number, text, tree, trees
from providers.values import Manifest, Release
from providers.yaml_text import documents

_KEYS = {
    TEMPLATE: ("LaunchTemplateName", "LaunchTemplateData", "VersionDescription", "TagSpecifications"),
    GROUP: (
        "AutoScalingGroupName",
        "MinSize",
        "MaxSize",
        "DesiredCapacity",
        "MixedInstancesPolicy",
        "AvailabilityZones",
        "TargetGroupARNs",
        "LifecycleHookSpecificationList",
        "Tags",
        *SETTINGS,
    ),
    POLICY: (
        "PolicyName",
        "PolicyType",
        "AdjustmentType",
        "MinAdjustmentMagnitude",
        "ScalingAdjustment",
        "Cooldown",
        "MetricAggregationType",
        "StepAdjustments",
        "EstimatedInstanceWarmup",
        "TargetTrackingConfiguration",
        "PredictiveScalingConfiguration",
        "Enabled",
    ),
    SCHEDULED: (
        "ScheduledActionName",
        "StartTime",
        "EndTime",
        "Recurrence",
        "MinSize",
        "MaxSize",
        "DesiredCapacity",
        "TimeZone",
    ),
}


@dataclass(frozen=True)
class Wanted:
    """What a release asks for. None is what its manifests do not speak of: it stays as it is."""

    name: str
    template_name: str
    template_data: Tree
    mixed: Tree | None
    least: int
    most: int
    desired: int
    settings: Tree
    target_groups: tuple[str, ...] | None
    hooks: tuple[Tree, ...] | None
    tags: tuple[Tag, ...]
    policies: tuple[Tree, ...] | None
    scheduled: tuple[Tree, ...] | None


def parse(release: Release) -> Wanted:
    """ProviderRefused says which manifest is wrong, and how."""
    template, group = _one(release, TEMPLATE), _one(release, GROUP)
    hooks = trees(group, "LifecycleHookSpecificationList")
    targets = group.get("TargetGroupARNs")
    tags = [
        Tag(
            key=_text(tag, "Key", GROUP),
            value=text(tag, "Value") or "",
            at_launch=tag.get("PropagateAtLaunch") is True,
        )
        for tag in trees(group, "Tags")
    ]
    settings = {key: value for key, value in group.items() if key in SETTINGS or key == "AvailabilityZones"}
    least = _number(group, "MinSize")
    return Wanted(
        name=_text(group, "AutoScalingGroupName", GROUP),
        template_name=_text(template, "LaunchTemplateName", TEMPLATE),
        template_data=tree(template, "LaunchTemplateData"),
        mixed=tree(group, "MixedInstancesPolicy") or None,
        least=least,
        most=_number(group, "MaxSize"),
        desired=least if "DesiredCapacity" not in group else _number(group, "DesiredCapacity"),
        settings=settings,
        target_groups=tuple(sorted(str(arn) for arn in targets)) if isinstance(targets, list) else None,
        hooks=tuple(hooks) if "LifecycleHookSpecificationList" in group else None,
        tags=tuple(tags),
        policies=_many(release, POLICY, "PolicyName"),
        scheduled=_many(release, SCHEDULED, "ScheduledActionName"),
    )


def group_name(release: Release) -> str:
    """The name in the group's manifest."""
    return _text(_one(release, GROUP), "AutoScalingGroupName", GROUP)


def _one(release: Release, kind: str) -> Tree:
    found = [manifest for manifest in release.manifests if manifest.type == kind]
    if len(found) != 1:
        raise ProviderRefused(f"The service has {len(found)} manifests of type {kind}; it needs exactly one.")
    contents = _contents(found[0])
    if len(contents) != 1:
        raise ProviderRefused(f'Manifest "{found[0].identifier}" holds {len(contents)} documents; it takes one.')
    return contents[0]


def _many(release: Release, kind: str, name: str) -> tuple[Tree, ...] | None:
    found = [manifest for manifest in release.manifests if manifest.type == kind]
    if not found:
        return None
    rules = [_moments(rule) for manifest in found for rule in _contents(manifest)]
    for rule in rules:
        _text(rule, name, kind)
    return tuple(sorted(rules, key=lambda rule: str(rule[name])))


def _contents(manifest: Manifest) -> list[Tree]:
    where = f'Manifest "{manifest.identifier}"'
    found: list[Tree] = []
    for document in documents(where, manifest.content):
        members = document if isinstance(document, list) else [document]
        for member in members:
            if member is None:
                continue
            if not isinstance(member, dict):
                raise ProviderRefused(f"{where} is not a mapping.")
            _check_keys(where, member, _KEYS[manifest.type])
            found.append(member)
    return found


def _check_keys(where: str, content: Tree, known: Sequence[str]) -> None:
    for key in content:
        if key in known:
            continue
        near = difflib.get_close_matches(key, known, 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
        raise ProviderRefused(f'{where} has the unknown key "{key}": {hint}')


def _text(content: Tree, key: str, kind: str) -> str:
    found = content.get(key)
    if isinstance(found, bool) or not isinstance(found, str | int) or not str(found):
        raise ProviderRefused(f"A manifest of type {kind} needs {key}.")
    return str(found)


def _number(content: Tree, key: str) -> int:
    found = number(content, key)
    given = text(content, key)
    if found is None and given is not None and given.isdigit():
        found = int(given)
    if found is None or found < 0:
        raise ProviderRefused(f"A manifest of type {GROUP} needs {key}, a whole number.")
    return found


def _moments(rule: Tree) -> Tree:
    """With moments as the API gives them back."""
    return {key: _moment(value) if key in ("StartTime", "EndTime") else value for key, value in rule.items()}


def _moment(value: JsonValue) -> JsonValue:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return value
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
