"""Target groups and routes in preflight and preview: are they there, and to which version do they lead?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from providers.aws import routes
from providers.aws.values import Route, group_name
from providers.ecs.definitions import described
from providers.ecs.live import Site
from providers.ecs.values import EcsSnapshot, ServiceState
from providers.errors import ProviderNotFound
from providers.tree import Tree, text, trees
from providers.values import Change, Obstacle


async def missing_groups(site: Site, state: ServiceState) -> list[Obstacle]:
    arns = {text(item, "targetGroupArn") for item in trees(state.settings, "loadBalancers")} - {None}

    async def one(arn: str) -> list[Obstacle]:
        doing = f"look for target group {arn}"
        try:
            await site.cluster.region.call("elbv2", "DescribeTargetGroups", {"TargetGroupArns": [arn]}, doing)
        except ProviderNotFound:
            message = f"The target group {group_name(arn)} of service {state.name} does not exist any more."
            return [Obstacle(message=message, remedy="Create it again, or deploy with another one.")]
        return []

    found = await asyncio.gather(*(one(arn) for arn in sorted(arn for arn in arns if arn)))
    return [item for part in found for item in part]


async def missing_route(site: Site, route: Route) -> list[Obstacle]:
    """An obstacle where a listener or rule is gone."""
    try:
        await routes.read(site.cluster.region, route.arn)
    except ProviderNotFound:
        message = f"The listener or rule {route.arn} does not exist any more, which led traffic to the service."
        return [Obstacle(message=message, remedy="Create it again, or deploy with another one.")]
    return []


async def route_changes(site: Site, snapshot: EcsSnapshot, services: Mapping[str, Tree]) -> list[Change]:
    """Which version each route leads to, now and afterwards."""
    live = {
        group: text(service, "taskDefinition") or ""
        for service in services.values()
        if text(service, "status") == "ACTIVE"
        for group in _groups(service)
    }
    saved = {group: state.definition for state in snapshot.services for group in _groups(state.settings)}

    async def one(route: Route) -> list[Change]:
        try:
            now = await routes.read(site.cluster.region, route.arn)
        except ProviderNotFound:
            return []
        if now.actions == route.actions:
            return []
        name, current, target = await asyncio.gather(
            routes.name(site.cluster.region, route), _told(site, now, live), _told(site, route, saved)
        )
        return [Change(resource=f"route/{name}", field="forward", current=current, target=target)]

    found = await asyncio.gather(*(one(route) for route in snapshot.routes))
    return [change for part in found for change in part]


def _groups(service: Tree) -> list[str]:
    return [text(item, "targetGroupArn") or "" for item in trees(service, "loadBalancers")]


async def _told(site: Site, route: Route, definitions: Mapping[str, str]) -> str:
    """Target groups, with what runs behind them."""
    parts: list[str] = []
    for group in route.groups:
        definition = definitions.get(group)
        behind = f": {await described(site.cluster, definition)}" if definition else ""
        parts.append(f"{group_name(group)}{behind}")
    return ", ".join(parts)
