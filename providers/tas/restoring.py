"""One app of a snapshot: its version and its instances back, then its own count."""

from __future__ import annotations

from providers.interface import Attempt
from providers.tas.changing import Changes
from providers.tas.comparing import AppDifference
from providers.tas.configuring import check_body
from providers.tas.live import LiveApp
from providers.tas.values import AppState, ProcessState
from providers.tas.waiting import Watch, until_ended
from providers.tas.wire import Process
from providers.tree import Tree


async def bring_up(changes: Changes, attempt: Attempt, live: LiveApp, one: AppDifference) -> None:
    """The old version runs again, with as many instances as before or as now, whichever are more."""
    await _restore_checks(changes, attempt, live, one.saved)
    if one.version:
        await _restore_version(changes, attempt, live, one.saved)
    elif one.saved.started:
        for process in live.current:
            limits = _limits(process, one.saved.process(process.type), live.app.started)
            if limits:
                await changes.scale(process.guid, limits)
        if not live.app.started:
            await changes.start(live.app.guid, live.app.name)
    if one.saved.running:
        await Watch(changes.foundation, attempt, one.saved.name).until_up(live.app.guid)


async def settle(changes: Changes, attempt: Attempt, live: LiveApp, saved: AppState) -> None:
    """The app's own counts and limits, now that nothing depends on more."""
    scaled = False
    for process in live.current:
        wanted = saved.process(process.type)
        if wanted is not None and _exact(process, wanted):
            await changes.scale(process.guid, _exact(process, wanted))
            scaled = True
    if live.app.started and not saved.started:
        await changes.stop(live.app.guid, saved.name)
    if scaled and saved.running:
        await Watch(changes.foundation, attempt, saved.name).until_up(live.app.guid)


async def _restore_checks(changes: Changes, attempt: Attempt, live: LiveApp, saved: AppState) -> None:
    for process in live.current:
        wanted = saved.process(process.type)
        if wanted is None:
            continue
        body: Tree = {}
        if process.health_check != wanted.health_check:
            body["health_check"] = check_body(wanted.health_check)
        readiness = wanted.readiness_health_check
        if readiness is not None and process.readiness_health_check != readiness:
            body["readiness_health_check"] = check_body(readiness)
        if body and process.type == "web" and live.deployment is not None:
            # While a deployment is under way, the platform refuses to change its web process.
            await changes.cancel_deployment(live.deployment)
            await until_ended(changes.foundation, attempt, live.deployment)
        if body:
            await changes.update_process(process.guid, body)


async def _restore_version(changes: Changes, attempt: Attempt, live: LiveApp, saved: AppState) -> None:
    """A rolling deployment of the saved revision; of the saved droplet where the app keeps no revisions."""
    if saved.droplet is None:
        return
    if not saved.started:
        await changes.assign_droplet(live.app.guid, saved.droplet)
        return
    what: Tree = {"droplet": {"guid": saved.droplet}}
    if saved.revision is not None and await changes.foundation.has_revisions(saved.guid):
        what = {"revision": {"guid": saved.revision}}
    else:
        await _remove_variables(changes, live, saved)
    options: Tree = {}
    wanted, now = saved.process("web"), live.web
    if wanted is not None and now is not None:
        limits = _limits(now, wanted, live.app.started)
        options = {"web_instances" if key == "instances" else key: value for key, value in limits.items()}
    deployment = await changes.create_deployment(live.app, what, options)
    await Watch(changes.foundation, attempt, saved.name).until_deployed(live.app.guid, deployment)


async def _remove_variables(changes: Changes, live: LiveApp, saved: AppState) -> None:
    """Variables that came later; earlier values of others are in no place, which preflight says."""
    now = await changes.foundation.environment(live.app.guid)
    added: Tree = dict.fromkeys(sorted(set(now) - set(saved.variables)))
    if added:
        await changes.set_environment(live.app.guid, added)


def _limits(process: Process, saved: ProcessState | None, running: bool) -> Tree:
    """What a process needs before the old version serves again: never fewer instances than it has now."""
    if saved is None:
        return {}
    limits = _exact(process, saved)
    if running and process.instances > saved.instances:
        limits.pop("instances", None)
    return limits


def _exact(process: Process, saved: ProcessState) -> Tree:
    wanted = {
        "instances": saved.instances,
        "memory_in_mb": saved.memory_in_mb,
        "disk_in_mb": saved.disk_in_mb,
    }
    now = {
        "instances": process.instances,
        "memory_in_mb": process.memory_in_mb,
        "disk_in_mb": process.disk_in_mb,
    }
    return {name: value for name, value in wanted.items() if value != now[name]}
