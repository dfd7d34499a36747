"""What a target is: the snapshot before a deployment, and the live instances. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from providers.aws import routes
from providers.aws.values import Route
from providers.ecs.colours import Colour, known_traffic
from providers.ecs.live import CANARY, COLOURS, Site, names_of, never_ran, state_of
from providers.ecs.manifests import check_types, service_name
from providers.ecs.tasks import group_of, instance, tasks_of
from providers.ecs.values import EcsSnapshot
from providers.tree import Tree, text
from providers.values import Artifact, InstanceGroup, LiveInstance, Release


async def capture(site: Site, release: Release) -> EcsSnapshot:
    """The service of that name and both colours, with their scaling.

    A canary is not part of it: it belongs to the execution that made it, and is deleted, never brought back.
    """
    check_types(release.manifests)
    base = service_name(release)
    names = tuple(name for name in names_of(base) if name != base + CANARY)
    services, scaling = await asyncio.gather(site.cluster.services(names), site.scaling.read(names))
    active = {
        name: services[name]
        for name in names
        if name in services and text(services[name], "status") == "ACTIVE" and not never_ran(services[name])
    }
    states = await asyncio.gather(*(state_of(site, service) for service in active.values()))
    tasks, definitions = await asyncio.gather(
        tasks_of(site.cluster, active),
        asyncio.gather(*(site.cluster.definition(state.definition) for state in states)),
    )
    groups = tuple(
        group_of(state, definition, tasks[state.name], release.artifact, autoscaled=state.name in scaling)
        for state, definition in zip(states, definitions, strict=True)
        if state.desired
    )
    found = await _routes(site, base, active)
    return EcsSnapshot(
        existed=bool(states),
        artifact=_main_artifact(groups, release.artifact),
        groups=groups,
        base=base,
        services=tuple(states),
        scaling=tuple(scaling[name] for name in names if name in scaling and name in active),
        routes=found,
    )


async def _routes(site: Site, base: str, active: Mapping[str, Tree]) -> tuple[Route, ...]:
    """What leads to the colours, and what the last blue/green deployment noted of production and stage."""
    found: dict[str, Route] = {}
    for name in (base + suffix for suffix in COLOURS):
        if name not in active:
            continue
        colour = Colour(active[name])
        traffic = await known_traffic(site, colour)
        noted = () if traffic is None else (traffic.prod, traffic.stage)
        leading = await routes.into(site.cluster.region, colour.groups)
        found |= {route.arn: route for route in (*noted, *leading)}
    return tuple(route for _, route in sorted(found.items()))


def _main_artifact(groups: tuple[InstanceGroup, ...], artifact: Artifact | None) -> Artifact | None:
    """The artifact of the group that runs the service's image; the first one's where none does."""
    same = [group.artifact for group in groups if artifact and group.artifact.image == artifact.image]
    return next(iter(same or [group.artifact for group in groups]), None)


async def instances(site: Site, release: Release) -> tuple[LiveInstance, ...]:
    """The tasks of all services of that name, ordered by ARN."""
    names = names_of(service_name(release))
    services, scaling = await asyncio.gather(site.cluster.services(names), site.scaling.read(names))
    tasks = await tasks_of(site.cluster, services)
    found = [
        instance(site.cluster.name, name, task, release.artifact, autoscaled=name in scaling)
        for name, members in tasks.items()
        for task in members
    ]
    return tuple(sorted(found, key=lambda item: item.key))
