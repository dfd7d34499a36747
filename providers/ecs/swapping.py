"""EcsBlueGreenSwapTargetGroups: production traffic to the colour that was deployed, stage to the other."""

from __future__ import annotations

from providers.aws import routes
from providers.aws.values import Route
from providers.ecs import tags
from providers.ecs.changing import update
from providers.ecs.colours import Colour, Traffic, colours, note, noted_traffic
from providers.ecs.live import Site
from providers.ecs.manifests import service_name
from providers.ecs.outputs import outputs
from providers.ecs.values import BlueGreenSwapSpec
from providers.ecs.waiting import until_steady
from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.tree import number, text
from providers.values import Effect, Outcome, Progress, Release


async def swap(site: Site, release: Release, spec: BlueGreenSwapSpec, attempt: Attempt) -> Outcome:
    """Give the new colour the traffic, then scale the other down. Each part is only done where it is not yet."""
    base = service_name(release)
    found = await colours(site, base)
    new = _new(found, base, attempt)
    traffic = await noted_traffic(site, new)
    if traffic is None:
        raise _not_prepared(base)
    group = _serving_group(new, traffic)
    changed = await note(site, new, {tags.SWAP: tags.digest_of(attempt.token)}, attempt)
    for route, target in ((traffic.prod, group), (traffic.stage, traffic.other_group(group))):
        changed |= await _lead(site, route, traffic, target, attempt)
    changed |= await note(site, new, {tags.COLOUR: tags.BLUE}, attempt)
    for old in found:
        if old.name == new.name:
            continue
        changed |= await note(site, old, {tags.COLOUR: tags.GREEN}, attempt)
        if not spec.do_not_downsize_old_service:
            changed |= await _scale_down(site, old, attempt)
    reason = None if changed else f"{new.name} already has the production traffic."
    effect = Effect.CHANGED if changed else Effect.SKIPPED
    return Outcome(effect=effect, reason=reason, outputs={**outputs(site, new.service), "targetGroupArn": group})


def _new(found: list[Colour], base: str, attempt: Attempt) -> Colour:
    """The colour to get the traffic: the one this attempt began with, else the one that has none yet."""
    token = tags.digest_of(attempt.token)
    begun = [colour for colour in found if colour.tags.get(tags.SWAP) == token]
    if begun:
        return begun[0]
    green = [colour for colour in found if colour.tags.get(tags.COLOUR) == tags.GREEN]
    if len(green) != 1:
        raise _not_prepared(base)
    count = number(green[0].service, "desiredCount")
    if not count or number(green[0].service, "runningCount") != count:
        raise ProviderRefused(
            f"{green[0].name} does not run all its tasks: run EcsBlueGreenCreateService before the swap."
        )
    return green[0]


def _not_prepared(base: str) -> ProviderRefused:
    return ProviderRefused(
        f"There is no colour of {base} to swap to: run EcsBlueGreenCreateService before "
        "EcsBlueGreenSwapTargetGroups."
    )


def _serving_group(new: Colour, traffic: Traffic) -> str:
    known = [group for group in new.groups if group in (traffic.prod_group, traffic.stage_group)]
    if not known:
        raise ProviderRefused(f"{new.name} is in none of the target groups that production and stage led to.")
    return known[0]


async def _lead(site: Site, route: Route, traffic: Traffic, target: str, attempt: Attempt) -> bool:
    """Let a route lead to the target group; whether it did not yet."""
    wanted = route.with_group(traffic.other_group(target), target)
    if wanted == route:
        return False
    await attempt.report(Progress(message=f"Changing where {route.arn.rpartition(':')[2]} sends traffic"))
    await routes.turn(site.cluster.region, wanted, attempt.before_effect)
    return True


async def _scale_down(site: Site, old: Colour, attempt: Attempt) -> bool:
    """The old colour to no tasks; its autoscaler would bring them back."""
    scaling = (await site.scaling.read([old.name])).get(old.name)
    if scaling is not None:
        await site.scaling.suspend(scaling, attempt.before_effect)
    live = await site.cluster.service(old.name)
    if live is None or text(live, "status") != "ACTIVE" or not number(live, "desiredCount"):
        return False
    service = await update(site, live, {"desiredCount": 0}, attempt)
    await until_steady(site.cluster, service, attempt)
    return True
