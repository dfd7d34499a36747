"""Is what runs what should run? The comparison that proves a rollback and that finds drift.

Same revision and same digests, never a floating tag; the wanted count; healthy. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from providers.values import InstanceGroup, InstanceHealth, LiveInstance, Value


class Difference(Value):
    """How a group, or one instance of it (`key`), differs from what was expected."""

    group: str
    key: str | None = None
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.key or self.group}: expected {self.expected}, found {self.found}"


def compare(expected: Sequence[InstanceGroup], live: Sequence[LiveInstance]) -> tuple[Difference, ...]:
    """Every difference between the groups that should run and the instances that do; empty means equal."""
    by_group: defaultdict[str, list[LiveInstance]] = defaultdict(list)
    for instance in live:
        by_group[instance.group].append(instance)
    differences = [
        found for group in expected for found in _group_differences(group, by_group.get(group.name, []))
    ]
    wanted = {group.name for group in expected}
    for name in sorted(by_group.keys() - wanted):
        differences += [
            Difference(group=name, key=instance.key, expected="nothing", found=instance.artifact.display_name)
            for instance in by_group[name]
        ]
    return tuple(differences)


def is_settling(expected: Sequence[InstanceGroup], live: Sequence[LiveInstance]) -> bool:
    """Whether the differences may go away by themselves: the right things run, some are not up yet."""
    return bool(live) and all(
        any(group.name == instance.group and not _version_difference(group, instance) for group in expected)
        for instance in live
    )


def groups_of(live: Iterable[LiveInstance]) -> tuple[InstanceGroup, ...]:
    """The groups that these instances form, for comparing with later ones.

    A group in the middle of a change shows the version of the majority.
    """
    by_group: defaultdict[str, list[LiveInstance]] = defaultdict(list)
    for instance in live:
        by_group[instance.group].append(instance)
    return tuple(_group_of(name, members) for name, members in sorted(by_group.items()))


def _group_of(name: str, members: Sequence[LiveInstance]) -> InstanceGroup:
    revisions = [member.revision for member in members]
    revision = max(set(revisions), key=revisions.count)
    current = [member for member in members if member.revision == revision]
    digests = sorted({member.artifact.digest for member in current if member.artifact.digest})
    return InstanceGroup(
        name=name,
        artifact=current[0].artifact,
        revision=revision,
        digests=tuple(digests),
        count=len(members),
        autoscaled=any(member.autoscaled for member in members),
    )


def _group_differences(group: InstanceGroup, live: Sequence[LiveInstance]) -> list[Difference]:
    differences = [found for instance in live if (found := _instance_difference(group, instance))]
    if len(live) != group.count and not (group.autoscaled and live):
        differences.append(
            Difference(group=group.name, expected=_instances(group.count), found=_instances(len(live)))
        )
    return differences


def _instances(count: int) -> str:
    return f"{count} instance" if count == 1 else f"{count} instances"


def _instance_difference(group: InstanceGroup, instance: LiveInstance) -> Difference | None:
    different = _version_difference(group, instance)
    if different:
        expected, found = different
    elif instance.health is not InstanceHealth.HEALTHY:
        expected, found = InstanceHealth.HEALTHY.value, instance.health.value
    else:
        return None
    return Difference(group=group.name, key=instance.key, expected=expected, found=found)


def _version_difference(group: InstanceGroup, instance: LiveInstance) -> tuple[str, str] | None:
    if group.revision and instance.revision and group.revision != instance.revision:
        return (
            f"{group.artifact.display_name} (revision {group.revision})",
            f"{instance.artifact.display_name} (revision {instance.revision})",
        )
    digest = instance.artifact.digest
    if group.digests and digest and digest not in group.digests:
        return (
            f"{group.artifact.display_name} ({', '.join(group.digests)})",
            f"{instance.artifact.display_name} ({digest})",
        )
    return None
