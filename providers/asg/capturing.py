"""What there is of a service before a change: its groups, in which version, and the ways into them."""

from __future__ import annotations

import asyncio

from providers.asg import groups, templates
from providers.asg.colours import is_left_over, target_groups
from providers.asg.groups import Group
from providers.asg.manifests import parse
from providers.asg.names import BLUE, CANARY, COLOUR_TAG, family
from providers.asg.site import Site
from providers.asg.values import AsgSnapshot, SavedGroup
from providers.aws import routes
from providers.errors import ProviderNotFound
from providers.values import Artifact, InstanceGroup, Release


async def capture(site: Site, release: Release) -> AsgSnapshot:
    """The snapshot. What is being deleted, or was left by a deployment that failed, does not count as there."""
    wanted = parse(release)
    found, template = await asyncio.gather(
        groups.read(site, family(wanted.name)), templates.find(site, wanted.template_name)
    )
    live = in_order([group for group in found.values() if not group.deleting and not is_left_over(group)])
    expected = await asyncio.gather(*(_expected(site, group.state) for group in live if group.state.desired))
    return AsgSnapshot(
        existed=bool(live),
        artifact=expected[0].artifact if expected else None,
        groups=tuple(expected),
        name=wanted.name,
        template_name=wanted.template_name,
        newest_version=0 if template is None else template.newest,
        saved=tuple(group.state for group in live),
        routes=await routes.into(site.region, {arn for group in live for arn in target_groups(group)}),
    )


def in_order(live: list[Group]) -> list[Group]:
    """The group that serves first: the one without a suffix or the blue one; the canary last."""
    return sorted(live, key=lambda group: (group.name.endswith(CANARY), group.tag(COLOUR_TAG) not in (None, BLUE)))


async def _expected(site: Site, state: SavedGroup) -> InstanceGroup:
    revision = str(state.template.version)
    try:
        image = await templates.image_of(site, state.template)
    except ProviderNotFound:
        image = None
    return InstanceGroup(
        name=state.name,
        artifact=artifact(image, revision),
        revision=revision,
        count=state.desired,
        autoscaled=state.autoscaled,
    )


def artifact(image: str | None, revision: str | None) -> Artifact:
    """An image with the version of the launch template that names it."""
    return Artifact(display_name=image or "unknown", image=image, revision=revision)
