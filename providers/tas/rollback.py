"""TasRollingRollback, AppRollback and SwapRollback: bring the apps back to what they were, and nothing else.

The old version's instances come first, then its routes; only then the undone release loses its routes and goes.
"""

from __future__ import annotations

from pydantic import JsonValue

from providers.errors import ProviderNotFound, ProviderRefused
from providers.interface import Attempt
from providers.tas.changing import Changes
from providers.tas.comparing import AppDifference, Differences
from providers.tas.live import Family, LiveApp, Site
from providers.tas.marks import Kind, Record
from providers.tas.names import upcoming
from providers.tas.preflight import differences, obstacles
from providers.tas.restoring import bring_up, settle
from providers.tas.routing import map_state, unmap
from providers.tas.values import TasSnapshot
from providers.tas.waiting import Watch, until_gone
from providers.values import Effect, Outcome


async def roll_back(site: Site, snapshot: TasSnapshot, attempt: Attempt) -> Outcome:
    """Bring the service's apps back to the snapshot; SKIPPED if nothing differs from it."""
    family = await site.family(snapshot.name)
    found = await differences(site, family, snapshot)
    changes = Changes(site.foundation, attempt.token, attempt.before_effect)
    if not found.any:
        await _until_up(site, snapshot, attempt)
        return await _already_there(changes, family, snapshot)
    closed = [one for one in await obstacles(site, family, found) if one.blocking]
    if closed:
        raise ProviderRefused(f"{closed[0].message} {closed[0].remedy}")
    record = Record(
        number=family.number_for(attempt.token), kind=Kind.ROLL_BACK, base=snapshot, token=attempt.token
    )
    holder = family.holder or family.active
    if holder is not None and family.record != record:
        await changes.write_record(holder.app, record)
    await _carry_out(site, changes, attempt, family, found)
    active = (await site.family(snapshot.name)).active
    if active is not None and snapshot.active is not None:
        await changes.write_record(active.app, record.with_done(attempt.token, finished=True))
    return Outcome(effect=Effect.CHANGED, outputs=_outputs(snapshot))


async def _already_there(changes: Changes, family: Family, snapshot: TasSnapshot) -> Outcome:
    """Nothing is left to do, because an earlier try of this step did it, or because nothing differed."""
    record, holder = family.record, family.holder
    if record is not None and holder is not None and not record.finished and record.base == snapshot:
        await changes.write_record(holder.app, record.with_done(changes.token, finished=True))
    if record is not None and changes.token in (record.token, *record.done):
        return Outcome(effect=Effect.CHANGED, outputs=_outputs(snapshot))
    reason = "Every app is already as it was before the deployment."
    return Outcome(effect=Effect.SKIPPED, reason=reason, outputs=_outputs(snapshot))


async def _carry_out(site: Site, changes: Changes, attempt: Attempt, family: Family, found: Differences) -> None:
    present = [one for one in found.apps if one.live is not None]
    for one in present:
        await bring_up(changes, attempt, _live(family, one), one)
    for one in present:
        for route in one.missing_routes:
            await map_state(changes, family.space, family.name, one.saved.guid, route)
    await _take_off(changes, family, found)
    await _remove(changes, attempt, found)
    await _rename(changes, family, present)
    # A rolling deployment has replaced processes: they are read again.
    after = await site.family(family.name)
    for one in present:
        await settle(changes, attempt, _live(after, one), one.saved)


async def _take_off(changes: Changes, family: Family, found: Differences) -> None:
    """Routes that lead to apps which they did not lead to before."""
    for one in found.apps:
        live = family.of(one.saved.guid)
        loose = {route.guid for route in found.loose}
        extra = {(route.guid, route.process) for route in one.extra_routes if route.guid not in loose}
        for route in live.routes if live is not None else ():
            for to in route.destinations:
                if to.app_guid == one.saved.guid and (route.guid, to.process_type) in extra:
                    await changes.unmap_route(route, to)
    for stranger in found.strangers:
        live = family.of(stranger.guid)
        for route in live.routes if live is not None else ():
            if _is_shared(route.guid, found):
                await unmap(changes, route, stranger.guid)


def _is_shared(route: str, found: Differences) -> bool:
    """Whether a route leads to an app of before too, so that requests must leave the undone one first."""
    return any(state.guid == route for one in found.apps for state in one.saved.routes)


async def _remove(changes: Changes, attempt: Attempt, found: Differences) -> None:
    """What only the undone release made."""
    for stranger in found.strangers:
        await changes.delete_app(stranger.guid, stranger.name)
    for route in found.loose:
        await changes.delete_route(route)
    await until_gone(changes.foundation, attempt, [(one.guid, one.name) for one in found.strangers], found.loose)


async def _rename(changes: Changes, family: Family, present: list[AppDifference]) -> None:
    """Names back, each as soon as its name is free; in a circle, one app steps aside."""
    held = {one.saved.guid: one.live.name for one in present if one.live is not None}
    moves = {one.saved.guid: one.saved.name for one in present if held[one.saved.guid] != one.saved.name}
    while moves:
        free = next((guid for guid, name in moves.items() if name not in held.values()), None)
        guid = free or next(iter(moves))
        held[guid] = moves.pop(guid) if free is not None else upcoming(family.name)
        await changes.rename(guid, held[guid])


async def _until_up(site: Site, snapshot: TasSnapshot, attempt: Attempt) -> None:
    for app in snapshot.apps:
        if app.running:
            await Watch(site.foundation, attempt, app.name).until_up(app.guid)


def _live(family: Family, one: AppDifference) -> LiveApp:
    live = family.of(one.saved.guid)
    if live is None:
        raise ProviderNotFound(f"The app {one.saved.name} was deleted while it was rolled back.")
    return live


def _outputs(snapshot: TasSnapshot) -> dict[str, JsonValue]:
    """What was restored: texts."""
    state = snapshot.active
    return {
        "appName": snapshot.name,
        "restoredRevision": str(state.version or "") if state is not None else "",
        "restoredImage": (state.image or "") if state is not None else "",
        "restoredDropletGuid": (state.droplet or "") if state is not None else "",
        "restoredInstances": str(state.running if state is not None else 0),
    }
