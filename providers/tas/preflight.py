"""Whether the way back is open: the differences from a snapshot and the obstacles. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from providers.errors import ProviderNotFound
from providers.tas.comparing import AppDifference, Differences, changes
from providers.tas.live import Family, Site, state_of
from providers.tas.values import AppState, TasSnapshot
from providers.values import Change, Obstacle

AGAIN = "Deploy the earlier version again; a rollback cannot bring back what the foundation no longer has."


async def preview(site: Site, snapshot: TasSnapshot) -> tuple[Change, ...]:
    """What a rollback to the snapshot would change now."""
    return changes(await differences(site, await site.family(snapshot.name), snapshot))


async def preflight(site: Site, snapshot: TasSnapshot) -> tuple[Obstacle, ...]:
    """What stands in the way of a rollback to the snapshot."""
    try:
        family = await site.family(snapshot.name)
    except ProviderNotFound as error:
        return (
            Obstacle(message=error.message, remedy="Give the connector's user the role Space Developer there."),
        )
    return await obstacles(site, family, await differences(site, family, snapshot))


async def differences(site: Site, family: Family, snapshot: TasSnapshot) -> Differences:
    """How the apps of a service differ from a snapshot."""
    states = {
        one.guid: one
        for one in await asyncio.gather(*(state_of(site.foundation, live) for live in family.members))
    }
    rolling = {live.app.guid for live in family.members if live.deployment is not None}
    known = {*snapshot.known, *(one.guid for one in snapshot.apps)}
    strange = {
        live.app.guid for live in family.members if live.app.guid not in known and live.is_ours(snapshot.name)
    }
    kept = known | {route.guid for one in snapshot.apps for route in one.routes}
    left = strange | {one.guid for one in snapshot.apps}
    active = family.active
    return Differences(
        snapshot=snapshot,
        apps=tuple(AppDifference(one, states.get(one.guid), one.guid in rolling) for one in snapshot.apps),
        strangers=tuple(states[live.app.guid] for live in family.members if live.app.guid in strange),
        loose=tuple(
            route
            for route in family.own_routes
            if route.guid not in kept and all(to.app_guid in left for to in route.destinations)
        ),
        active=states.get(active.app.guid) if active is not None else None,
    )


async def obstacles(site: Site, family: Family, found: Differences) -> tuple[Obstacle, ...]:
    """What stands in the way, all of it."""
    lists = await asyncio.gather(
        *(_of_app(site, one) for one in found.apps if one.any), _allowed(site, family), _names(family, found)
    )
    return tuple(obstacle for part in lists for obstacle in part)


async def _of_app(site: Site, one: AppDifference) -> list[Obstacle]:
    saved, live = one.saved, one.live
    if live is None:
        message = f"The app {saved.name} ({saved.guid}), which ran before the deployment, was deleted."
        return [Obstacle(message=message, remedy=AGAIN, blocking=saved.running > 0)]
    if one.version and saved.revision is not None and await site.foundation.has_revisions(saved.guid):
        return await _revision(site, saved, saved.revision)
    found = await _droplet(site, saved) if one.version or saved.running > live.running else []
    if one.version:
        found += _variables(saved, live)
    return found


async def _revision(site: Site, saved: AppState, guid: str) -> list[Obstacle]:
    revision = await site.foundation.revision(guid)
    if revision is not None and revision.deployable:
        return []
    why = "was deleted" if revision is None else "is not deployable any more: its droplet is gone"
    return [Obstacle(message=f"Revision {saved.version} of {saved.name} {why}.", remedy=AGAIN)]


async def _droplet(site: Site, saved: AppState) -> list[Obstacle]:
    droplet = await site.foundation.droplet(saved.droplet) if saved.droplet is not None else None
    if droplet is not None and droplet.state == "STAGED":
        return []
    why = "is gone" if droplet is None else f"is {droplet.state}"
    return [Obstacle(message=f"The droplet {saved.droplet} of {saved.name} {why}.", remedy=AGAIN)]


def _variables(saved: AppState, live: AppState) -> list[Obstacle]:
    """Without revisions, a variable that was changed has no earlier value anywhere."""
    lost = sorted(name for name, value in saved.variables.items() if live.variables.get(name) != value)
    if not lost:
        return []
    message = f"{saved.name} keeps no revisions, so earlier values of its variables are lost: {', '.join(lost)}."
    remedy = f"cf set-env {saved.name} NAME VALUE, and for the future: revisions on for the app."
    return [Obstacle(message=message, remedy=remedy)]


async def _allowed(site: Site, family: Family) -> list[Obstacle]:
    guids = [live.app.guid for live in family.members]
    if not guids or await site.foundation.may_manage(guids[0]):
        return []
    target = site.target
    return [
        Obstacle(
            message=f"The connector's user is no Space Developer in {target.organization}/{target.space}.",
            remedy=f"cf set-space-role USER {target.organization} {target.space} SpaceDeveloper",
        )
    ]


async def _names(family: Family, found: Differences) -> list[Obstacle]:
    """Names that an app of somebody else has taken meanwhile."""
    free = {*(one.saved.guid for one in found.apps), *_guids(found.strangers)}
    taken = {live.app.name for live in family.members if live.app.guid not in free}
    wanted = {one.saved.name for one in found.apps if one.live is not None and one.live.name != one.saved.name}
    return [
        Obstacle(
            message=f"Another app has the name {name}, which one of before the deployment had.",
            remedy=f"cf rename {name} ANOTHER-NAME",
        )
        for name in sorted(taken & wanted)
    ]


def _guids(states: Iterable[AppState]) -> set[str]:
    return {one.guid for one in states}
