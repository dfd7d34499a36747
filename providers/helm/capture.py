"""What a release is before a deployment: the snapshot. Reads only.

What runs counts, with what somebody changed by hand. Only where the newest revision is not one that came up, the
live state is nobody's wish; then what counts is the newest that did.
"""

from __future__ import annotations

import asyncio

from providers.helm.keepsakes import recall
from providers.helm.releases import Releases, Revision, read_releases
from providers.helm.states import Declared, declared, objects_of
from providers.helm.values import HelmSnapshot
from providers.kubernetes.cluster import each
from providers.kubernetes.inventory import Inventory, group_of, take
from providers.kubernetes.live import Site
from providers.kubernetes.objects import Ref
from providers.kubernetes.workloads import desired
from providers.tree import Tree
from providers.values import Artifact, InstanceGroup, Release


async def capture(site: Site, release: Release) -> HelmSnapshot:
    """The revision that is deployed, and what runs of it."""
    releases = await read_releases(site)
    base, newest = releases.base, releases.newest
    number = newest.number if newest is not None else 0
    if base is None:
        return HelmSnapshot(existed=False, revision=0, newest_revision=number)
    found, kept = await asyncio.gather(_declared(site, base), recall(site, base.number))
    states = _states(found, kept, undisturbed=base is newest)
    groups = await _groups(site, found, states, release.artifact, releases.origin(base))
    return HelmSnapshot(
        existed=True,
        artifact=_main_artifact(groups, release.artifact, base, releases),
        groups=groups,
        revision=base.number,
        newest_revision=number,
        chart=base.chart,
        chart_version=base.chart_version,
        app_version=base.app_version,
        manifest_digest=base.manifest_digest,
        values_digest=base.values_digest,
    )


async def _declared(site: Site, revision: Revision) -> Declared:
    return await declared(site, await objects_of(site, revision))


def _states(found: Declared, kept: dict[Ref, Tree | None], *, undisturbed: bool) -> dict[Ref, Tree]:
    """What each workload was when the base revision was what ran."""
    states: dict[Ref, Tree | None] = {}
    for item in found.objects:
        if undisturbed:
            states[item.ref] = found.state(item.ref)
        else:
            states[item.ref] = kept[item.ref] if item.ref in kept else found.target(item.ref)
    return {ref: body for ref, body in states.items() if body is not None and ref.is_workload}


async def _groups(
    site: Site, found: Declared, states: dict[Ref, Tree], artifact: Artifact | None, revision: int
) -> tuple[InstanceGroup, ...]:
    async def one(ref: Ref) -> InstanceGroup:
        body = found.live.bodies.get(ref)
        inventory = await take(site.cluster, ref, body) if body is not None else Inventory((), ())
        group = group_of(ref, states[ref], inventory, artifact, autoscaled=found.live.autoscaled(ref))
        # Only the live object carries what its controller says of it.
        count = desired(body if ref.kind == "DaemonSet" and body is not None else states[ref])
        numbered = group.artifact.model_copy(update={"revision": str(revision)})
        return group.model_copy(update={"artifact": numbered, "count": count})

    return await each(sorted(states), one)


def _main_artifact(
    groups: tuple[InstanceGroup, ...], artifact: Artifact | None, base: Revision, releases: Releases
) -> Artifact:
    """The artifact of the workload that runs the service's image, or the first one's; else the chart."""
    same = [group.artifact for group in groups if artifact and group.artifact.image == artifact.image]
    chart = Artifact(display_name=f"{base.chart}-{base.chart_version}", revision=str(releases.origin(base)))
    return next(iter(same or [group.artifact for group in groups]), chart)
