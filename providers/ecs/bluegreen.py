"""EcsBlueGreenCreateService: the new version in the colour without production traffic."""

from __future__ import annotations

from providers.ecs import tags
from providers.ecs.changing import create, update
from providers.ecs.colours import Colour, Traffic, colours, note, noted_traffic, traffic_of
from providers.ecs.definitions import ensure
from providers.ecs.deploying import creation, refuse_fixed, refuse_other_controller
from providers.ecs.live import COLOURS, Site, free_or_active, is_same_definition
from providers.ecs.manifests import TARGET_GROUP, Wanted, check_types, read
from providers.ecs.outputs import outputs
from providers.ecs.rejections import refuse_rejected
from providers.ecs.scaling import NOT_SUSPENDED, declared
from providers.ecs.settings import settings_of, uncovered
from providers.ecs.values import BlueGreenCreateSpec, ScalingState
from providers.ecs.waiting import until_steady
from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.tree import Tree, number, text, trees
from providers.values import Effect, Outcome, Release


async def create_green(site: Site, release: Release, spec: BlueGreenCreateSpec, attempt: Attempt) -> Outcome:
    """Deploy to the colour that has no production traffic, and wait until it is healthy behind stage."""
    check_types(release.manifests)
    wanted = await read(site.cluster.region, release)
    refuse_other_controller(wanted)
    found = await colours(site, wanted.name)
    name, traffic = await _place(site, found, wanted.name, spec, attempt)
    placed = Wanted(name, wanted.definition, _filled(wanted, traffic.stage_group), wanted.target, wanted.policies)
    live = await free_or_active(site, name, attempt)
    current = await site.cluster.definition(text(live, "taskDefinition") or "") if live is not None else None
    definition = await ensure(site.cluster, wanted.definition, current, attempt)
    arn = text(definition, "taskDefinitionArn") or ""
    count = await _count(site, placed, [colour for colour in found if colour.name != name])
    mine = {tags.CREATED: tags.digest_of(attempt.token), **traffic.as_tags()}
    changed = True
    if live is None:
        request = creation(placed, name, arn)
        given = [*trees(request, "tags"), *tags.write({**mine, tags.COLOUR: tags.GREEN})]
        service = await create(site, {**request, "desiredCount": count, "tags": [*given]}, attempt)
    else:
        refuse_fixed(live, placed)
        await refuse_rejected(site, live, definition, attempt)
        if Colour(live).tags.get(tags.CREATED) != mine[tags.CREATED]:
            await note(site, Colour(live), {**mine, tags.COLOUR: tags.GREEN}, attempt)
        request = _request(live, placed, arn, count)
        changed = bool(request)
        service = await update(site, live, request, attempt) if request else live
    service = await until_steady(site.cluster, service, attempt)
    changed |= await _scale(site, placed, attempt)
    reason = None if changed else "The colour without production traffic already runs what the manifests say."
    effect = Effect.CHANGED if changed else Effect.SKIPPED
    return Outcome(
        effect=effect, reason=reason, outputs={**outputs(site, service), "targetGroupArn": traffic.stage_group}
    )


async def _place(
    site: Site, found: list[Colour], base: str, spec: BlueGreenCreateSpec, attempt: Attempt
) -> tuple[str, Traffic]:
    """Which colour to deploy to; a repetition finds the one that it began with, wherever traffic goes by now."""
    token = tags.digest_of(attempt.token)
    own = next((colour for colour in found if colour.tags.get(tags.CREATED) == token), None)
    noted = await noted_traffic(site, own) if own is not None else None
    if own is not None and noted is not None:
        return own.name, noted
    traffic = await traffic_of(site, spec)
    blue = [colour for colour in found if traffic.prod_group in colour.groups]
    names = [base + suffix for suffix in COLOURS]
    if len(blue) > 1:
        raise ProviderRefused(f"Both {names[0]} and {names[1]} are in {traffic.prod_group}: take one out of it.")
    taken = {colour.name for colour in blue}
    free = [name for name in names if name not in taken]
    known = {colour.name for colour in found}
    return next((name for name in free if name in known), free[0]), traffic


def _filled(wanted: Wanted, group: str) -> Tree:
    """The service definition with the stage's target group in its load balancers."""
    balancers = trees(wanted.service, "loadBalancers")
    filled = [
        {**item, "targetGroupArn": group} if item.get("targetGroupArn") == TARGET_GROUP else item
        for item in balancers
    ]
    if filled == balancers:
        raise ProviderRefused(
            f"The service definition needs a load balancer with targetGroupArn: {TARGET_GROUP} for blue/green."
        )
    return {**wanted.service, "loadBalancers": [*filled]}


async def _count(site: Site, wanted: Wanted, others: list[Colour]) -> int:
    """How many tasks: what the manifest says; where an autoscaler decides, no fewer than have the traffic now."""
    count = 1 if wanted.desired is None else wanted.desired
    scaled = await site.scaling.read([colour.name for colour in others]) if others else {}
    serving = [number(colour.service, "desiredCount") or 0 for colour in others if colour.name in scaled]
    return max([count, *serving])


def _request(live: Tree, wanted: Wanted, definition: str, count: int) -> Tree:
    request = uncovered(settings_of(live), wanted.service)
    if not is_same_definition(live, definition):
        request["taskDefinition"] = definition
        if number(live, "desiredCount") != count:
            request["desiredCount"] = count
    elif not number(live, "desiredCount"):
        request["desiredCount"] = count
    return request


async def _scale(site: Site, wanted: Wanted, attempt: Attempt) -> bool:
    """The declared scaling; one that a swap suspended when it took the traffic away goes on."""
    live = (await site.scaling.read([wanted.name])).get(wanted.name)
    if wanted.target is not None:
        state = declared(wanted.name, wanted.target, wanted.policies)
        return await site.scaling.bring(live, state, attempt.before_effect)
    if live is None:
        return False
    state = ScalingState(
        service=live.service, target={**live.target, "SuspendedState": NOT_SUSPENDED}, policies=live.policies
    )
    return await site.scaling.bring(live, state, attempt.before_effect)
