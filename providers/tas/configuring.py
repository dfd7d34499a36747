"""What a manifest says of an app beside its image: variables, limits, health checks, commands."""

from __future__ import annotations

from pydantic import JsonValue

from providers.errors import ProviderRefused
from providers.interface import Attempt
from providers.tas.changing import Changes
from providers.tas.live import LiveApp
from providers.tas.manifest import AppManifest, ProcessSpec
from providers.tas.values import HealthCheck
from providers.tas.waiting import until_ended
from providers.tas.wire import Process
from providers.tree import Tree


async def set_variables(changes: Changes, app: str, wanted: AppManifest) -> None:
    """Sets the variables that differ; others stay, as with `cf push`."""
    if wanted.env:
        now = await changes.foundation.environment(app)
        differing: Tree = {name: value for name, value in wanted.env.items() if now.get(name) != value}
        if differing:
            await changes.set_environment(app, differing)


async def configure(changes: Changes, attempt: Attempt, live: LiveApp, wanted: AppManifest) -> None:
    """Sets commands and health checks that differ, and the limits of what is not web."""
    by_type = {process.type: process for process in live.current}
    for spec in wanted.all_processes:
        process = by_type.get(spec.type)
        if process is None:
            raise ProviderRefused(
                f'The app {wanted.name} has no process type "{spec.type}": its image defines none.'
            )
        body = await _settings(changes, process, spec)
        if body and spec.type == "web" and live.deployment is not None:
            # While a deployment is under way, the platform refuses to change its web process.
            await changes.cancel_deployment(live.deployment)
            await until_ended(changes.foundation, attempt, live.deployment)
        if body:
            await changes.update_process(process.guid, body)
        limits = differing_limits(process, spec)
        if limits and spec.type != "web":
            await changes.scale(process.guid, limits)


def differing_limits(process: Process, spec: ProcessSpec) -> Tree:
    """The count and the limits that a manifest wants and a process has not."""
    wanted = {"instances": spec.instances, "memory_in_mb": spec.memory, "disk_in_mb": spec.disk_quota}
    now = {
        "instances": process.instances,
        "memory_in_mb": process.memory_in_mb,
        "disk_in_mb": process.disk_in_mb,
    }
    return {name: value for name, value in wanted.items() if value is not None and value != now[name]}


async def _settings(changes: Changes, process: Process, spec: ProcessSpec) -> Tree:
    body: Tree = {}
    check = spec.health_check
    if check is not None and not has_check(process.health_check, check):
        body["health_check"] = check_body(check)
    if spec.command is not None:
        # Lists hide commands.
        full = await changes.foundation.process(process.guid)
        if full is None or full.command != spec.command:
            body["command"] = None if spec.command in ("null", "default") else spec.command
    return body


def has_check(now: HealthCheck, wanted: HealthCheck) -> bool:
    """Whether a health check is as wanted in all that is said of it."""
    return now.type == wanted.type and all(now.data.get(name) == value for name, value in wanted.data.items())


def check_body(check: HealthCheck) -> JsonValue:
    return {"type": check.type, "data": {**check.data}}
