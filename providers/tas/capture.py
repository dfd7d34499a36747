"""What a service's apps are before a deployment: the snapshot. Reads only.

The live state counts, whoever made it so. Only where the newest release did not come to its end is the live state
nobody's wish; then what counts is the state before it, which its record holds.
"""

from __future__ import annotations

import asyncio

from providers.images import Image
from providers.tas.live import Family, Site, state_of
from providers.tas.manifest import read_manifest
from providers.tas.marks import BESIDE
from providers.tas.values import AppState, TasSnapshot
from providers.values import Artifact, InstanceGroup, Release


async def capture(site: Site, release: Release) -> TasSnapshot:
    """The state that a rollback of `release` goes back to."""
    return await snapshot_of(site, await site.family(read_manifest(release).app.name))


async def snapshot_of(site: Site, family: Family) -> TasSnapshot:
    """The state of a service's apps, or that before a release which is still under way or failed."""
    states = await asyncio.gather(*(state_of(site.foundation, one) for one in family.members))
    record, active = family.record, family.active
    if record is not None and not record.finished:
        base = record.base.active
        ours = {record.droplet, base.droplet if base is not None else None, None}
        now = next((one.droplet for one in states if active and one.guid == active.app.guid), None)
        beside = record.kind in BESIDE and active is family.holder
        # Somebody who deployed another droplet since then has decided what is there.
        if now in ours or beside:
            return record.base
    kept = tuple(one for one in states if one.running or one.name == family.name)
    return TasSnapshot(
        existed=bool(kept),
        name=family.name,
        artifact=next((artifact_of(one) for one in kept if one.name == family.name), None),
        groups=tuple(group for one in kept for group in groups_of(one)),
        apps=kept,
        known=(*(one.app.guid for one in family.members), *(route.guid for route in family.own_routes)),
    )


def artifact_of(state: AppState) -> Artifact:
    """What an app runs, as the artifact."""
    return artifact(state.image, state.droplet, state.version)


def artifact(image: str | None, droplet: str | None, version: int | None) -> Artifact:
    """The image where there is one, the droplet as its digest, and the number of the revision."""
    found = Image.parse(image) if image is not None else None
    return Artifact(
        display_name=image or droplet or "unknown",
        image=found.path if found is not None else None,
        tag=found.tag if found is not None else None,
        digest=droplet,
        revision=str(version) if version is not None else None,
    )


def groups_of(state: AppState) -> tuple[InstanceGroup, ...]:
    """The groups of instances that an app is to have, one for each process type that has any."""
    if not state.started:
        return ()
    return tuple(
        InstanceGroup(
            name=group_name(state.name, process.type),
            artifact=artifact_of(state),
            revision=state.content,
            digests=(state.droplet,) if state.droplet is not None else (),
            count=process.instances,
        )
        for process in state.processes
        if process.instances
    )


def group_name(app: str, kind: str) -> str:
    return app if kind == "web" else f"{app}/{kind}"
