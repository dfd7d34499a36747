"""AppResize and SwapRoutes: the new app takes over, by instances and by routes."""

from __future__ import annotations

from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.tas import names
from providers.tas.changing import Changes
from providers.tas.configuring import differing_limits
from providers.tas.deploying import outcome
from providers.tas.live import Family, LiveApp, Site, route_states
from providers.tas.manifest import AppManifest, read_manifest
from providers.tas.marks import BESIDE, TOKEN_LABEL, Kind, Record
from providers.tas.routing import address, map_state, map_urls, unmap
from providers.tas.specs import Amount, ResizeSpec, SomeAmount, SwapSpec
from providers.tas.waiting import Watch, until_gone
from providers.tas.wire import Route
from providers.values import Outcome, Release


async def resize(site: Site, release: Release, spec: ResizeSpec, attempt: Attempt) -> Outcome:
    """The new app up to so many instances; when they run, the old one down."""
    manifest = read_manifest(release).app
    family = await site.family(manifest.name)
    new, record = _new(family, "AppResize")
    watch = Watch(site.foundation, attempt, new.app.name)
    if attempt.token not in record.done:
        changes = Changes(site.foundation, attempt.token, attempt.before_effect)
        count = _instances(spec.new_app_instances, record.count)
        limits = differing_limits(new.web, manifest.sized(count).web) if new.web is not None else {}
        if new.web is not None and limits:
            await changes.scale(new.web.guid, limits)
        if count and not new.app.started:
            await changes.start(new.app.guid, new.app.name)
        await watch.until_up(new.app.guid)
        await _shrink(changes, family, record, spec, count)
        finished = record.kind is not Kind.BLUE_GREEN and count >= record.count
        done = record.with_done(attempt.token, finished=finished or record.finished)
        await changes.write_record(new.app, done)
    await watch.until_up(new.app.guid)
    return await outcome(site, (await site.family(manifest.name)).of(new.app.guid) or new)


async def _shrink(changes: Changes, family: Family, record: Record, spec: ResizeSpec, count: int) -> None:
    """The old app down to its share; it is never grown here."""
    active = record.base.active
    saved = active.process("web") if active is not None else None
    old = family.of(active.guid) if active is not None else None
    if saved is None or old is None or old.web is None:
        return
    share = spec.old_app_instances
    wanted = max(0, saved.instances - count) if share is None else _instances(share, saved.instances)
    if old.web.instances > wanted:
        await changes.scale(old.web.guid, {"instances": wanted})


async def swap(site: Site, release: Release, spec: SwapSpec, attempt: Attempt) -> Outcome:
    """The old app's routes, and those of the manifest, lead to the new one; blue/green also swaps the names."""
    manifest = read_manifest(release).app
    family = await site.family(manifest.name)
    new, record = _new(family, "SwapRoutes")
    watch = Watch(site.foundation, attempt, new.app.name)
    # Requests are never led to instances that do not run.
    await watch.until_up(new.app.guid)
    if attempt.token not in record.done:
        changes = Changes(site.foundation, attempt.token, attempt.before_effect)
        active = record.base.active
        old = family.of(active.guid) if active is not None else None
        await _lead_over(changes, family, new, old, manifest)
        await _leave_temporary(changes, attempt, new, record, manifest)
        for route in old.routes if old is not None else ():
            await unmap(changes, route, old.app.guid if old is not None else "")
        await _swap_names(changes, family.name, new, old)
        if old is not None and spec.down_size_old_application and old.app.started:
            await changes.stop(old.app.guid, old.app.name)
        await changes.write_record(new.app, record.with_done(attempt.token, finished=True))
    return await outcome(site, (await site.family(manifest.name)).of(new.app.guid) or new)


async def _lead_over(
    changes: Changes, family: Family, new: LiveApp, old: LiveApp | None, manifest: AppManifest
) -> None:
    urls = [route.route for route in manifest.routes]
    await map_urls(changes, family.space, family.name, new.app.guid, urls)
    there = {(route.url, route.process) for route in route_states(new)} | {
        (address(url).url, "web") for url in urls
    }
    for state in route_states(old) if old is not None else ():
        if (state.url, state.process) not in there:
            await map_state(changes, family.space, family.name, new.app.guid, state)


async def _leave_temporary(
    changes: Changes, attempt: Attempt, new: LiveApp, record: Record, manifest: AppManifest
) -> None:
    """Routes that the new app had only until now: deleted where its setup made them, else left to others."""
    if record.kind is not Kind.BLUE_GREEN:
        return
    active = record.base.active
    kept = {address(route.route).url for route in manifest.routes}
    kept |= {route.url for route in active.routes} if active is not None else set()
    made: list[Route] = []
    for route in new.routes:
        if route.url in kept:
            continue
        others = [to for to in route.destinations if to.app_guid != new.app.guid]
        if TOKEN_LABEL in route.labels and not others:
            made.append(route)
            await changes.delete_route(route)
        else:
            await unmap(changes, route, new.app.guid)
    await until_gone(changes.foundation, attempt, (), made)


async def _swap_names(changes: Changes, name: str, new: LiveApp, old: LiveApp | None) -> None:
    """A name is free only once, so the new app steps aside first."""
    if new.app.name == name:
        return
    if old is not None and old.app.name == name:
        if new.app.name == names.inactive(name):
            await changes.rename(new.app.guid, names.upcoming(name))
        await changes.rename(old.app.guid, names.inactive(name))
    await changes.rename(new.app.guid, name)


def _new(family: Family, step: str) -> tuple[LiveApp, Record]:
    """The app that the setup made, with its record."""
    holder, record = family.holder, family.record
    if holder is None or record is None or record.kind not in BESIDE:
        raise ProviderRefused(
            f"{step} found no new app of {family.name}: a setup step (BasicAppSetup, ...) comes before it."
        )
    return holder, record


def _instances(amount: Amount | SomeAmount, whole: int) -> int:
    value = amount.spec.value
    return -(-whole * value // 100) if amount.type == "Percentage" else value
