"""Questions about the way back that change nothing: what would it change, and is it open?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from providers.asg import groups, templates
from providers.asg.edits import shown
from providers.asg.names import family
from providers.asg.planning import changes, rerouted
from providers.asg.site import Site
from providers.asg.values import AsgSnapshot, TemplateVersion
from providers.aws import routes
from providers.aws.values import Route, group_name
from providers.errors import ProviderNotFound
from providers.values import Change, Obstacle


async def preview(site: Site, snapshot: AsgSnapshot) -> tuple[Change, ...]:
    """All that a rollback would change."""
    live = await groups.read(site, family(snapshot.name))
    states = (*snapshot.saved, *(group.state for group in live.values()))
    used = {state.template for state in states}
    used |= {m.template for group in live.values() for m in group.staying if m.template is not None}
    images, ways = await asyncio.gather(_images(site, used), current_routes(site, snapshot))
    turned = rerouted(snapshot, ways, live)
    told = await asyncio.gather(*(routes.name(site.region, route) for route in turned))
    names = {route.arn: name for route, name in zip(turned, told, strict=True)}
    return changes(snapshot, live, ways, images, names)


async def current_routes(site: Site, snapshot: AsgSnapshot) -> list[Route]:
    """The saved routes as they are now, but for those that are gone."""
    found = await asyncio.gather(*(_route(site, saved.arn) for saved in snapshot.routes))
    return [route for route in found if route is not None]


async def _route(site: Site, arn: str) -> Route | None:
    try:
        return await routes.read(site.region, arn)
    except ProviderNotFound:
        return None


async def obstacles(site: Site, snapshot: AsgSnapshot) -> tuple[Obstacle, ...]:
    """Whether every saved version, its image and the target groups are still there."""
    wanted = {saved.template for saved in snapshot.saved}
    images = await _images(site, wanted)
    found: list[Obstacle] = []
    for template in sorted(wanted, key=shown):
        image = images[template]
        if image is None:
            found.append(_gone(f"The launch template {shown(template)}"))
        elif not await templates.image_exists(site, image):
            found.append(_gone(f"The image {image} of the launch template {shown(template)}"))
    arns = sorted({arn for saved in snapshot.saved for arn in saved.target_groups})
    found += [
        _gone(f"The target group {group_name(arn)}") for arn in arns if not await _target_group_exists(site, arn)
    ]
    return tuple(found)


async def _images(site: Site, used: Iterable[TemplateVersion]) -> Mapping[TemplateVersion, str | None]:
    ordered = list(used)
    found = await asyncio.gather(*(_image(site, template) for template in ordered))
    return dict(zip(ordered, found, strict=True))


async def _image(site: Site, template: TemplateVersion) -> str | None:
    try:
        return await templates.image_of(site, template)
    except ProviderNotFound:
        return None


async def _target_group_exists(site: Site, arn: str) -> bool:
    try:
        await site.ask("elbv2", "DescribeTargetGroups", "read the target groups", TargetGroupArns=[arn])
    except ProviderNotFound:
        return False
    return True


def _gone(what: str) -> Obstacle:
    return Obstacle(
        message=f"{what} no longer exists, and the way back needs it.",
        remedy="Deploy an earlier version by running the pipeline again.",
    )
