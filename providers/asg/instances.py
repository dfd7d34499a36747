"""The live instances of a service's groups."""

from __future__ import annotations

import asyncio
from datetime import datetime

from providers.asg import groups, health
from providers.asg.capturing import artifact
from providers.asg.groups import Group, Member
from providers.asg.manifests import group_name
from providers.asg.names import COLOUR_TAG, family
from providers.asg.site import Site
from providers.asg.values import AsgDetails
from providers.tree import Tree, text, trees
from providers.values import InstanceHealth, LiveInstance, Release

# A filter takes 200 values.
_AT_ONCE = 200
_STARTING = frozenset({"initial"})


async def instances(site: Site, release: Release) -> tuple[LiveInstance, ...]:
    """Every instance that is not on its way out, by id."""
    found = await groups.read(site, family(group_name(release)))
    members = [(group, member) for group in found.values() for member in group.staying]
    if not members:
        return ()
    machines, states = await asyncio.gather(
        machines_of(site, [member.id for _, member in members]),
        health.of_targets(site, {arn for group in found.values() for arn in group.state.target_groups}),
    )
    live = [
        _instance(group, member, machines.get(member.id, {}), tuple(states.get(member.id, ())))
        for group, member in members
    ]
    return tuple(sorted(live, key=lambda item: item.key))


async def machines_of(site: Site, ids: list[str]) -> dict[str, Tree]:
    """The EC2 instances of these ids, by id, but for those that are gone."""
    portions = [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]
    found = await asyncio.gather(*(_some_machines(site, portion) for portion in portions))
    return {text(machine, "InstanceId") or "": machine for some in found for machine in some}


async def _some_machines(site: Site, ids: list[str]) -> list[Tree]:
    # By filter, because an id that just vanished would be an error.
    listed = await site.list(
        "ec2",
        "DescribeInstances",
        "Reservations",
        "read the instances",
        Filters=[{"Name": "instance-id", "Values": ids}],
    )
    return [machine for reservation in listed for machine in trees(reservation, "Instances")]


def _instance(group: Group, member: Member, machine: Tree, states: tuple[str, ...]) -> LiveInstance:
    image = text(machine, "ImageId")
    version = None if member.template is None else member.template.version
    revision = None if version is None else str(version)
    launched = text(machine, "LaunchTime")
    details = AsgDetails(
        instance_id=member.id,
        group_name=group.name,
        colour=group.tag(COLOUR_TAG),
        launch_template=None if member.template is None else member.template.name,
        launch_template_version=version,
        image_id=image,
        instance_type=member.type,
        availability_zone=member.zone,
        private_ip=text(machine, "PrivateIpAddress"),
        lifecycle_state=member.state,
        health_status=member.health,
    )
    return LiveInstance(
        key=member.id,
        group=group.name,
        artifact=artifact(image, revision),
        revision=revision,
        health=_health(member, states),
        autoscaled=group.state.autoscaled,
        started_at=None if launched is None else datetime.fromisoformat(launched),
        details=details.as_json(),
    )


def _health(member: Member, states: tuple[str, ...]) -> InstanceHealth:
    if member.health != "Healthy":
        return InstanceHealth.UNHEALTHY
    if member.state.startswith("Pending") or _STARTING & set(states):
        return InstanceHealth.STARTING
    if member.state != "InService":
        return InstanceHealth.UNKNOWN
    return InstanceHealth.HEALTHY if all(state in health.GOOD for state in states) else InstanceHealth.UNHEALTHY
