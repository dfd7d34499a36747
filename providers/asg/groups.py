"""Auto Scaling groups as they are now: read from the API, parsed into values."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from providers.asg.site import Site
from providers.asg.templates import number_of
from providers.asg.values import SavedGroup, Tag, TemplateVersion
from providers.errors import ProviderConflict, ProviderRefused
from providers.tree import Tree, number, put, text, tree, trees

SETTINGS = (
    "DefaultCooldown",
    "HealthCheckType",
    "HealthCheckGracePeriod",
    "PlacementGroup",
    "VPCZoneIdentifier",
    "TerminationPolicies",
    "NewInstancesProtectedFromScaleIn",
    "ServiceLinkedRoleARN",
    "MaxInstanceLifetime",
    "CapacityRebalance",
    "Context",
    "DesiredCapacityType",
    "DefaultInstanceWarmup",
    "InstanceMaintenancePolicy",
    "AvailabilityZoneDistribution",
    "AvailabilityZoneImpairmentPolicy",
    "CapacityReservationSpecification",
    "DeletionProtection",
)
"""What UpdateAutoScalingGroup takes besides template and sizes."""
_OF_THE_PLATFORM = {"AutoScalingGroupName", "PolicyARN", "Alarms", "ScheduledActionARN", "Time", "GlobalTimeout"}


@dataclass(frozen=True)
class Member:
    """An instance of a group."""

    id: str
    template: TemplateVersion | None
    state: str
    health: str
    zone: str | None
    type: str | None

    @property
    def stays(self) -> bool:
        """Whether it is not on its way out, nor put aside by somebody."""
        return not self.state.startswith(("Terminat", "Detach", "Standby", "EnteringStandby", "Warmed"))

    @property
    def serves(self) -> bool:
        """Whether it is in service and healthy to the group."""
        return self.state == "InService" and self.health == "Healthy"


@dataclass(frozen=True)
class Group:
    """A group: its state in the form of the snapshot, and its instances."""

    state: SavedGroup
    members: tuple[Member, ...]
    deleting: bool

    @property
    def name(self) -> str:
        return self.state.name

    def tag(self, key: str) -> str | None:
        """The value of a tag."""
        return next((tag.value for tag in self.state.tags if tag.key == key), None)

    @property
    def staying(self) -> list[Member]:
        """The instances that are not on their way out."""
        return [member for member in self.members if member.stays]


async def read(site: Site, names: Sequence[str]) -> Mapping[str, Group]:
    """Those of the groups that exist, also ones in the middle of being deleted."""

    async def look() -> dict[str, Group]:
        return {thing(group.name): group for group in await _read(site, names)}

    found = await site.region.written.read(f"groups {','.join(names)}", look, map(thing, names))
    return {group.name: group for group in found.values()}


async def _read(site: Site, names: Sequence[str]) -> list[Group]:
    described = await site.list(
        "autoscaling",
        "DescribeAutoScalingGroups",
        "AutoScalingGroups",
        f"read the Auto Scaling groups of {names[0]}",
        AutoScalingGroupNames=list(names),
    )
    found = await asyncio.gather(*(_read_rest(site, group) for group in described if isinstance(group, dict)))
    return [group for group in found if group is not None]


async def read_one(site: Site, name: str) -> Group | None:
    """A group; None where there is none."""
    return (await read(site, (name,))).get(name)


def thing(name: str) -> str:
    """A group to the notes of what was written."""
    return f"group {name}"


def in_brief(name: str) -> str:
    """A group to `brief`."""
    return f"group {name} in brief"


def is_missing(error: ProviderRefused) -> bool:
    """Whether a request was refused because there is no such group, which has no code of its own."""
    return "AutoScalingGroup name not found" in (error.said or "")


async def brief(site: Site, name: str) -> tuple[int, tuple[Member, ...]]:
    """The desired capacity and the instances of a group alone, for waiting; ProviderConflict where it is gone."""

    async def look() -> dict[str, JsonValue]:
        described = await site.list(
            "autoscaling",
            "DescribeAutoScalingGroups",
            "AutoScalingGroups",
            f"read the Auto Scaling group {name}",
            AutoScalingGroupNames=[name],
        )
        return {in_brief(name): item for item in described}

    found = await site.region.written.read(in_brief(name), look, [in_brief(name)])
    if not found:
        raise ProviderConflict(f"The Auto Scaling group {name} was deleted by somebody else.")
    described = found[in_brief(name)]
    members = tuple(_member(item) for item in trees(described, "Instances"))
    return number(described, "DesiredCapacity") or 0, members


async def _read_rest(site: Site, described: Tree) -> Group | None:
    """The group; None where it went away meanwhile, which Auto Scaling calls an invalid request."""
    try:
        return await _whole(site, described)
    except ProviderRefused as error:
        if is_missing(error):
            return None
        raise


async def _whole(site: Site, described: Tree) -> Group:
    name = text(described, "AutoScalingGroupName") or ""
    if "LaunchTemplate" not in described and "MixedInstancesPolicy" not in described:
        raise ProviderRefused(
            f"The Auto Scaling group {name} uses a launch configuration. Unship needs a launch template: "
            "copy the configuration to one and let the group use it."
        )
    template, hooks, policies, scheduled = await asyncio.gather(
        number_of(site, _template(described)),
        _rules(site, name, "DescribeLifecycleHooks", "LifecycleHooks"),
        _rules(site, name, "DescribePolicies", "ScalingPolicies"),
        _rules(site, name, "DescribeScheduledActions", "ScheduledUpdateGroupActions"),
    )
    mixed = tree(described, "MixedInstancesPolicy") or None
    if mixed is not None:
        mixed = put(mixed, {}, "LaunchTemplate", "LaunchTemplateSpecification")
    targets = described.get("TargetGroupARNs")
    state = SavedGroup(
        name=name,
        template=template,
        mixed=mixed,
        least=number(described, "MinSize") or 0,
        most=number(described, "MaxSize") or 0,
        desired=number(described, "DesiredCapacity") or 0,
        settings=_settings(described),
        target_groups=tuple(sorted(str(arn) for arn in targets)) if isinstance(targets, list) else (),
        tags=_tags(described),
        hooks=hooks,
        policies=policies,
        scheduled=scheduled,
        suspended=tuple(sorted(text(p, "ProcessName") or "" for p in trees(described, "SuspendedProcesses"))),
    )
    instances = tuple(_member(item) for item in trees(described, "Instances"))
    return Group(state, instances, "Delete" in (text(described, "Status") or ""))


def _tags(described: Tree) -> tuple[Tag, ...]:
    tags = [
        Tag(
            key=text(tag, "Key") or "",
            value=text(tag, "Value") or "",
            at_launch=tag.get("PropagateAtLaunch") is True,
        )
        for tag in trees(described, "Tags")
    ]
    return tuple(sorted(tags, key=lambda tag: tag.key))


def _settings(described: Tree) -> Tree:
    found: Tree = {key: described[key] for key in SETTINGS if described.get(key) not in (None, "")}
    if not found.get("VPCZoneIdentifier"):
        found["AvailabilityZones"] = described.get("AvailabilityZones")
    return found


def _template(described: Tree) -> Tree:
    policy = tree(described, "MixedInstancesPolicy", "LaunchTemplate", "LaunchTemplateSpecification")
    return tree(described, "LaunchTemplate") or policy


async def _rules(site: Site, name: str, operation: str, key: str) -> tuple[Tree, ...]:
    doing = f"read the rules of the Auto Scaling group {name}"
    if operation == "DescribeLifecycleHooks":
        answer = await site.ask("autoscaling", operation, doing, AutoScalingGroupName=name)
        found: Iterable[Tree] = trees(answer, key)
    else:
        listed = await site.list("autoscaling", operation, key, doing, AutoScalingGroupName=name)
        found = [item for item in listed if isinstance(item, dict)]
    return tuple({key: value for key, value in rule.items() if key not in _OF_THE_PLATFORM} for rule in found)


def _member(item: Tree) -> Member:
    used = tree(item, "LaunchTemplate")
    version = text(used, "Version") or ""
    template = None
    if version.isdigit():
        template = TemplateVersion(
            id=text(used, "LaunchTemplateId") or "",
            name=text(used, "LaunchTemplateName") or "",
            version=int(version),
        )
    return Member(
        id=text(item, "InstanceId") or "",
        template=template,
        state=text(item, "LifecycleState") or "",
        health=text(item, "HealthStatus") or "",
        zone=text(item, "AvailabilityZone"),
        type=text(item, "InstanceType"),
    )
