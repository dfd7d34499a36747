"""The live app instances of a service: the stats of every process of its apps."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from providers.tas.capture import artifact, group_name
from providers.tas.live import LiveApp, Site, Version, version_of
from providers.tas.manifest import read_manifest
from providers.tas.values import AppInstanceDetails
from providers.tas.wire import Instance, Process
from providers.values import InstanceHealth, LiveInstance, Release

_HEALTH = {
    "RUNNING": InstanceHealth.HEALTHY,
    "STARTING": InstanceHealth.STARTING,
    "STOPPING": InstanceHealth.STARTING,
    "CRASHED": InstanceHealth.UNHEALTHY,
    "DOWN": InstanceHealth.UNHEALTHY,
}


async def instances(site: Site, release: Release) -> tuple[LiveInstance, ...]:
    """Every instance that is to be there, ordered by key."""
    family = await site.family(read_manifest(release).app.name)
    found = await asyncio.gather(
        *(
            _of_process(site, live, process)
            for live in family.members
            if live.app.started
            for process in live.processes
            if process.instances
        )
    )
    return tuple(sorted((one for part in found for one in part), key=lambda one: one.key))


async def _of_process(site: Site, live: LiveApp, process: Process) -> list[LiveInstance]:
    stats, version = await asyncio.gather(
        site.foundation.stats(process.guid), version_of(site.foundation, live, process)
    )
    return [_instance(live, process, version, one) for one in stats]


def _instance(live: LiveApp, process: Process, version: Version, one: Instance) -> LiveInstance:
    started = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=one.uptime) if one.uptime else None
    health = _HEALTH.get(one.state, InstanceHealth.UNKNOWN)
    if health is InstanceHealth.HEALTHY and one.routable is False:
        health = InstanceHealth.STARTING
    return LiveInstance(
        key=f"{live.app.guid}/{process.guid}/{one.index}",
        group=group_name(live.app.name, process.type),
        artifact=artifact(version.image, version.droplet, version.number),
        revision=version.content,
        health=health,
        started_at=started,
        details=AppInstanceDetails(
            app_name=live.app.name,
            app_guid=live.app.guid,
            process_type=process.type,
            process_guid=process.guid,
            index=one.index,
            state=one.state,
            reason=one.details,
            host=one.host,
            memory_quota_bytes=one.mem_quota,
            disk_quota_bytes=one.disk_quota,
            revision_guid=version.revision,
            droplet_guid=version.droplet,
        ).as_json(),
    )
