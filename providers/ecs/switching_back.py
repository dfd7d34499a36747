"""EcsBlueGreenRollback: the old colour up, then the traffic back to it, then the new colour away."""

from __future__ import annotations

import asyncio

from providers.aws import routes
from providers.aws.values import Route
from providers.ecs import tags
from providers.ecs.colours import Colour, colours, known_traffic, note
from providers.ecs.live import COLOURS, Site, is_same_definition
from providers.ecs.preflight import refuse_closed_way
from providers.ecs.restoring import Restored, remove, restore
from providers.ecs.rollback import outcome
from providers.ecs.values import BlueGreenRollbackSpec, EcsSnapshot, ServiceState
from providers.interface import Attempt
from providers.tree import text
from providers.values import Outcome, Progress


async def switch_back(site: Site, snapshot: EcsSnapshot, spec: BlueGreenRollbackSpec, attempt: Attempt) -> Outcome:
    """Bring both colours and their traffic back to the snapshot."""
    names = [snapshot.base + suffix for suffix in COLOURS]
    states = [state for name in names if (state := snapshot.service(name)) is not None]
    serving = [state for state in states if state.desired]
    await refuse_closed_way(site, serving, snapshot.routes)
    before = await saved_routes(site, snapshot)
    service, changed = None, False
    for state in serving:
        restored = await restore(site, state, snapshot.scaling_of(state.name), attempt)
        service, changed = restored.service, changed or restored.changed
    for route in before:
        changed |= await _turn(site, route, attempt)
    for colour in await colours(site, snapshot.base):
        changed |= await _mark(site, colour, snapshot, attempt)
    if not spec.do_not_downsize_old_service:
        for name in names:
            state = snapshot.service(name)
            if state is None:
                changed |= (await remove(site, name, attempt)).changed
            elif not state.desired:
                changed |= await _rest(site, state, snapshot, attempt)
    return outcome(site, snapshot, Restored(service, changed))


async def saved_routes(site: Site, snapshot: EcsSnapshot) -> tuple[Route, ...]:
    """Where traffic went: as recorded, and where the snapshot does not know a route what the colours say of it."""
    found = {route.arn: route for route in snapshot.routes}
    for colour in await colours(site, snapshot.base):
        traffic = await known_traffic(site, colour)
        if traffic is None:
            continue
        for route, group in ((traffic.prod, traffic.prod_group), (traffic.stage, traffic.stage_group)):
            if route.arn not in found and snapshot.service(colour.name) is None:
                found[route.arn] = route.with_group(traffic.other_group(group), group)
    return tuple(found.values())


async def _turn(site: Site, wanted: Route, attempt: Attempt) -> bool:
    live = await routes.read(site.cluster.region, wanted.arn)
    if live.actions == wanted.actions:
        return False
    await attempt.report(Progress(message=f"Leading {wanted.arn.rpartition(':')[2]} back"))
    await routes.turn(site.cluster.region, wanted, attempt.before_effect)
    return True


async def _mark(site: Site, colour: Colour, snapshot: EcsSnapshot, attempt: Attempt) -> bool:
    """The colour's tag as it was; one that the deployment made has no traffic now."""
    state = snapshot.service(colour.name)
    wanted = tags.GREEN if state is None else state.tags.get(tags.COLOUR)
    if wanted is None or (state is None and not snapshot.existed):
        return False
    return await note(site, colour, {tags.COLOUR: wanted}, attempt)


async def _rest(site: Site, state: ServiceState, snapshot: EcsSnapshot, attempt: Attempt) -> bool:
    """A colour that rested before rests again; with its old version, where that can still be used."""
    live, definition = await asyncio.gather(
        site.cluster.service(state.name), site.cluster.definition(state.definition)
    )
    usable = text(definition, "status") == "ACTIVE"
    if live is not None and not usable and not is_same_definition(live, state.definition):
        state = state.model_copy(update={"definition": text(live, "taskDefinition")})
    return (await restore(site, state, snapshot.scaling_of(state.name), attempt)).changed
