"""What a group shall be after a deployment: what its manifests say, over what it is. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from providers.asg.manifests import Wanted
from providers.asg.values import SavedGroup, Tag, TemplateVersion
from providers.tree import Tree, put, says_the_same, tree

_NAMES = ("LifecycleHookName", "PolicyName", "ScheduledActionName")


def merge(
    wanted: Wanted,
    template: TemplateVersion,
    live: SavedGroup | None,
    *,
    name: str | None = None,
    keep: bool = False,
) -> SavedGroup:
    """The group `name` (the manifest's by default). What exists and is not spoken of stays.

    The desired capacity is the live one with `keep`, and where something scales the group; within the new bounds.
    """
    policies = _rules(wanted.policies, () if live is None else live.policies)
    scheduled = _rules(wanted.scheduled, () if live is None else live.scheduled)
    desired = wanted.desired
    if live is not None and (keep or policies or scheduled):
        desired = max(wanted.least, min(wanted.most, live.desired))
    settings = {} if live is None else live.settings
    if wanted.settings.get("VPCZoneIdentifier"):
        settings = {key: value for key, value in settings.items() if key != "AvailabilityZones"}
    return SavedGroup(
        name=name or wanted.name,
        template=template,
        mixed=_mixed(wanted.mixed, None if live is None else live.mixed),
        least=wanted.least,
        most=wanted.most,
        desired=desired,
        settings={**settings, **{k: _fitted(v, settings.get(k)) for k, v in wanted.settings.items()}},
        target_groups=wanted.target_groups
        if wanted.target_groups is not None
        else (() if live is None else live.target_groups),
        tags=with_tags(() if live is None else live.tags, wanted.tags),
        hooks=_rules(wanted.hooks, () if live is None else live.hooks),
        policies=policies,
        scheduled=scheduled,
        suspended=() if live is None else live.suspended,
    )


def as_shown(wanted: SavedGroup, live: SavedGroup) -> SavedGroup:
    """What is wanted, in the words of what is where that says the same and only adds the platform's defaults."""
    return wanted.model_copy(
        update={
            "mixed": _mixed(wanted.mixed, live.mixed),
            "settings": {key: _fitted(value, live.settings.get(key)) for key, value in wanted.settings.items()},
            "hooks": _rules(wanted.hooks, live.hooks),
            "policies": _rules(wanted.policies, live.policies),
            "scheduled": _rules(wanted.scheduled, live.scheduled),
        }
    )


def with_tags(before: Sequence[Tag], more: Sequence[Tag]) -> tuple[Tag, ...]:
    """Tags with others added or replaced."""
    both = {tag.key: tag for tag in (*before, *more)}
    return tuple(both[key] for key in sorted(both))


def _mixed(wanted: Tree | None, live: Tree | None) -> Tree | None:
    if wanted is None:
        return None
    bare = put(wanted, {}, "LaunchTemplate", "LaunchTemplateSpecification")
    fitted = _fitted(bare, live)
    return fitted if isinstance(fitted, dict) else bare


def _rules(wanted: tuple[Tree, ...] | None, live: tuple[Tree, ...]) -> tuple[Tree, ...]:
    if wanted is None:
        return live
    known = {name_of(rule): rule for rule in live}
    fitted = [tree(_fitted(rule, known.get(name_of(rule)))) for rule in wanted]
    return tuple(sorted(fitted, key=name_of))


def name_of(rule: Tree) -> str:
    """The name of a hook, a policy or a scheduled action."""
    return next(str(rule[key]) for key in _NAMES if key in rule)


def _fitted(wanted: JsonValue, live: JsonValue) -> JsonValue:
    """What is wanted; the live value where that says the same and only adds the platform's own defaults."""
    return live if says_the_same(wanted, live) else wanted
