"""Whether the way back is open, and what it would change. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from providers.aws.values import Route
from providers.ecs.leading import missing_groups, missing_route
from providers.ecs.live import Site, is_same_definition
from providers.ecs.registry import missing_images
from providers.ecs.settings import controller, short
from providers.ecs.values import EcsSnapshot, ServiceState
from providers.errors import ProviderNotFound
from providers.tree import Tree, text
from providers.values import Obstacle


async def preflight(site: Site, snapshot: EcsSnapshot) -> tuple[Obstacle, ...]:
    """Everything that stands in the way of a rollback. What was scaled to nothing need not run again."""
    states = [state for state in snapshot.services if state.desired or state.name == snapshot.base]
    return await obstacles(site, states, snapshot.routes)


async def obstacles(
    site: Site, states: Sequence[ServiceState], routes: Sequence[Route] = ()
) -> tuple[Obstacle, ...]:
    """What stands in the way of bringing these services and routes back, all at once."""
    if not states:
        return ()
    try:
        services = await site.cluster.services([state.name for state in states])
    except ProviderNotFound as error:
        remedy = f"Create cluster {site.cluster.name} again, then deploy the earlier version as a new deployment."
        return (Obstacle(message=error.message, remedy=remedy),)
    found = await asyncio.gather(
        *(_of_service(site, state, services.get(state.name)) for state in states),
        *(missing_route(site, route) for route in routes),
    )
    return tuple(item for part in found for item in part)


async def _of_service(site: Site, state: ServiceState, live: Tree | None) -> list[Obstacle]:
    found: list[Obstacle] = []
    if live is not None and text(live, "status") == "ACTIVE" and controller(live) != "ECS":
        message = f"Service {state.name} is deployed by {controller(live)} now."
        found.append(Obstacle(message=message, remedy="Roll back with what deploys the service."))
    definition, groups = await asyncio.gather(
        site.cluster.definition(state.definition), missing_groups(site, state)
    )
    found += groups
    # A service that already is about an inactive revision can still be scaled.
    usable = definition is not None and text(definition, "status") == "ACTIVE"
    if not usable and not (live is not None and _runs(live, state)):
        kind = "was deleted" if definition is None else f"is {text(definition, 'status')}"
        found.append(
            Obstacle(
                message=f"Task definition {short(state.definition)}, which service {state.name} ran, {kind}.",
                remedy="It cannot be used again: deploy the earlier version as a new deployment.",
            )
        )
        return found
    for image in await missing_images(site.cluster.region, definition or {}):
        message = f"The image {image}, which service {state.name} ran, is no longer in its repository."
        found.append(Obstacle(message=message, remedy="Push it again under the same tag."))
    return found


def _runs(live: Tree, state: ServiceState) -> bool:
    return text(live, "status") == "ACTIVE" and is_same_definition(live, state.definition)


async def refuse_closed_way(site: Site, states: Sequence[ServiceState], routes: Sequence[Route] = ()) -> None:
    """ProviderNotFound, before anything is changed, where preflight would say that the way is closed."""
    for obstacle in await obstacles(site, states, routes):
        if obstacle.blocking:
            raise ProviderNotFound(f"{obstacle.message} {obstacle.remedy}")
