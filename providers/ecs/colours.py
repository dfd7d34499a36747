"""The two services of blue/green, and where production and stage traffic goes. Reads only, but for `note`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from providers.aws import routes
from providers.aws.values import Route
from providers.ecs import tags
from providers.ecs.live import COLOURS, Site
from providers.ecs.values import BlueGreenCreateSpec
from providers.errors import ProviderNotFound, ProviderRefused
from providers.interface import Attempt
from providers.tree import Tree, text, trees


@dataclass(frozen=True)
class Colour:
    """A live service of one of the two colours."""

    service: Tree

    @property
    def name(self) -> str:
        return text(self.service, "serviceName") or ""

    @property
    def tags(self) -> dict[str, str]:
        return tags.read(self.service, "tags")

    @property
    def groups(self) -> tuple[str, ...]:
        return groups_of(self.service)


@dataclass(frozen=True)
class Traffic:
    """The routes of production and stage, and the target group that each led to before a deployment."""

    prod: Route
    stage: Route
    prod_group: str
    stage_group: str

    def as_tags(self) -> dict[str, str]:
        """As they are written on the colour that is deployed to, which the steps after it read."""
        return {
            tags.PROD_ROUTE: self.prod.arn,
            tags.STAGE_ROUTE: self.stage.arn,
            tags.PROD_GROUP: self.prod_group,
            tags.STAGE_GROUP: self.stage_group,
        }

    def other_group(self, group: str) -> str:
        return self.stage_group if group == self.prod_group else self.prod_group


def groups_of(service: Tree) -> tuple[str, ...]:
    """The target groups that a service's tasks register in."""
    return tuple(text(item, "targetGroupArn") or "" for item in trees(service, "loadBalancers"))


async def colours(site: Site, base: str) -> list[Colour]:
    """The active services of both colours, in the order of their names."""
    names = [base + suffix for suffix in COLOURS]
    found = await site.cluster.services(names)
    return [Colour(found[name]) for name in names if name in found and text(found[name], "status") == "ACTIVE"]


async def traffic_of(site: Site, spec: BlueGreenCreateSpec) -> Traffic:
    """Production and stage as a step names them; ProviderRefused where they do not fit together."""
    region = site.cluster.region
    known, prod, stage = await asyncio.gather(
        routes.listeners(region, spec.load_balancer),
        routes.read(region, spec.prod_listener_rule_arn or spec.prod_listener),
        routes.read(region, spec.stage_listener_rule_arn or spec.stage_listener),
    )
    for key, listener, route in (
        ("prodListener", spec.prod_listener, prod),
        ("stageListener", spec.stage_listener, stage),
    ):
        if listener not in known:
            raise ProviderRefused(f"{key} {listener} is no listener of load balancer {spec.load_balancer}.")
        if route.listener != listener:
            raise ProviderRefused(f"The {key}RuleArn {route.arn} is no rule of {listener}.")
    prod_group, stage_group = _only_group(prod), _only_group(stage)
    if prod_group == stage_group:
        raise ProviderRefused(
            f"Production and stage both lead to {prod_group}: stage needs a target group of its own."
        )
    return Traffic(prod, stage, prod_group, stage_group)


async def noted_traffic(site: Site, colour: Colour) -> Traffic | None:
    """Production and stage as they were written on a colour when it was deployed to."""
    found = colour.tags
    keys = (tags.PROD_ROUTE, tags.STAGE_ROUTE, tags.PROD_GROUP, tags.STAGE_GROUP)
    if any(key not in found for key in keys):
        return None
    region = site.cluster.region
    prod, stage = await asyncio.gather(
        routes.read(region, found[tags.PROD_ROUTE]), routes.read(region, found[tags.STAGE_ROUTE])
    )
    return Traffic(prod, stage, found[tags.PROD_GROUP], found[tags.STAGE_GROUP])


async def known_traffic(site: Site, colour: Colour) -> Traffic | None:
    """As `noted_traffic`, but None also where a route is gone."""
    try:
        return await noted_traffic(site, colour)
    except ProviderNotFound:
        return None


def _only_group(route: Route) -> str:
    if len(route.groups) != 1:
        raise ProviderRefused(
            f"{route.arn} must forward to one target group for blue/green; it has {len(route.groups)}."
        )
    return route.groups[0]


async def note(site: Site, colour: Colour, wanted: dict[str, str], attempt: Attempt) -> bool:
    """Write tags on a colour that do not say so already; whether any had to be."""
    known = colour.tags
    if all(known.get(key) == value for key, value in wanted.items()):
        return False
    await site.cluster.tag(text(colour.service, "serviceArn") or "", wanted, attempt.before_effect)
    return True
