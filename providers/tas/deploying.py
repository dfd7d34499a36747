"""TasRollingDeploy: stage the image, record what was there, roll the app over to it, wait."""

from __future__ import annotations

from pydantic import JsonValue

from providers.errors import ProviderNotFound, ProviderRefused
from providers.interface import Attempt
from providers.tas.building import build_droplet
from providers.tas.capture import snapshot_of
from providers.tas.changing import Changes
from providers.tas.clearing import cleared
from providers.tas.configuring import configure, differing_limits, set_variables
from providers.tas.live import Family, LiveApp, Site, state_of
from providers.tas.manifest import AppManifest, read_manifest
from providers.tas.marks import BESIDE, Kind, Record, record_of
from providers.tas.routing import map_urls
from providers.tas.specs import RollingDeploySpec
from providers.tas.waiting import Watch
from providers.tree import Tree
from providers.values import Effect, Outcome, Release


async def roll_out(site: Site, release: Release, spec: RollingDeploySpec, attempt: Attempt) -> Outcome:
    """Roll the app over to the release; one that is not there is created and started."""
    try:
        return await _roll_out(site, release, spec, attempt)
    except (ProviderNotFound, ProviderRefused):
        # An app that is being deleted looks like any other until it is gone; then there is room for a new one.
        if (await site.family(read_manifest(release).app.name)).active is not None:
            raise
    return await _roll_out(site, release, spec, attempt)


async def _roll_out(site: Site, release: Release, spec: RollingDeploySpec, attempt: Attempt) -> Outcome:
    wanted = read_manifest(release)
    name = wanted.app.name
    changes = Changes(site.foundation, attempt.token, attempt.before_effect)
    family = await site.family(name)
    watch = Watch(site.foundation, attempt, name)
    if family.active is not None and family.record is not None and attempt.token in family.record.done:
        await watch.until_up(family.active.app.guid)
        return await outcome(site, family.active)
    if family.record is not None and family.record.kind in BESIDE:
        family = await cleared(site, family, attempt)
    base = await snapshot_of(site, family)
    record = Record(number=family.number_for(attempt.token), kind=Kind.ROLLING, base=base, token=attempt.token)
    if family.active is None:
        await changes.create_app(family.space, name, name, record)
        family = await site.family(name)
    live = _still_there(family)
    droplet = await build_droplet(changes, attempt, live.app, wanted)
    record = record.model_copy(update={"droplet": droplet})
    if record_of(live.app.annotations) != record:
        await changes.write_record(live.app, record)
    await set_variables(changes, live.app.guid, wanted.app)
    urls = [route.route for route in wanted.app.routes]
    await map_urls(changes, family.space, name, live.app.guid, [*urls, *spec.additional_routes])
    if live.app.started:
        await configure(changes, attempt, live, wanted.app)
        await _roll(changes, watch, live, wanted.app, droplet)
    else:
        await first_start(site, changes, attempt, live, wanted.app, droplet)
    await watch.until_up(live.app.guid)
    live = _still_there(await site.family(name))
    await changes.write_record(live.app, record.with_done(attempt.token, finished=True))
    return await outcome(site, live)


async def _roll(changes: Changes, watch: Watch, live: LiveApp, wanted: AppManifest, droplet: str) -> None:
    """A rolling deployment of the droplet; none where the app was started with it."""
    current = await changes.foundation.current_droplet(live.app.guid)
    if current is not None and current.guid == droplet and live.deployment is None:
        return
    options: Tree = {}
    if live.web is not None:
        limits = differing_limits(live.web, wanted.web)
        options = {"web_instances" if key == "instances" else key: value for key, value in limits.items()}
    deployment = await changes.create_deployment(live.app, {"droplet": {"guid": droplet}}, options)
    await watch.until_deployed(live.app.guid, deployment)


async def first_start(
    site: Site, changes: Changes, attempt: Attempt, live: LiveApp, wanted: AppManifest, droplet: str
) -> None:
    """Gives a stopped app its droplet and its size, and starts it."""
    live = await give_droplet(site, changes, live, droplet)
    await configure(changes, attempt, live, wanted)
    limits = differing_limits(live.web, wanted.web) if live.web is not None else {}
    if live.web is not None and limits:
        await changes.scale(live.web.guid, limits)
    await changes.start(live.app.guid, live.app.name)


async def give_droplet(site: Site, changes: Changes, live: LiveApp, droplet: str) -> LiveApp:
    """The app with the droplet as its current one, which gives it the droplet's process types."""
    current = await changes.foundation.current_droplet(live.app.guid)
    if current is not None and current.guid == droplet:
        return live
    await changes.assign_droplet(live.app.guid, droplet)
    processes = await site.foundation.processes((live.app.guid,))
    return LiveApp(live.app, processes, live.routes, live.deployment)


async def outcome(site: Site, live: LiveApp) -> Outcome:
    return Outcome(effect=Effect.CHANGED, outputs=await outputs(site, live))


async def outputs(site: Site, live: LiveApp) -> dict[str, JsonValue]:
    """What expressions can read of a step: texts."""
    state = await state_of(site.foundation, live)
    return {
        "appName": state.name,
        "appGuid": state.guid,
        "dropletGuid": state.droplet or "",
        "image": state.image or "",
        "revision": str(state.version or ""),
        "instances": str(state.running),
    }


def _still_there(family: Family) -> LiveApp:
    if family.active is None:
        raise ProviderNotFound(f"The app {family.name} was deleted while it was deployed.")
    return family.active
