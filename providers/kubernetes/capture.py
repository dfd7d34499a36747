"""What a target is before a deployment: the snapshot. Reads only.

The live state counts, not the manifests of the last release: what somebody changed by hand since was there before
the deployment too. Only where the newest release failed is the live state nobody's wish; then what counts is the
state before it, which its record holds.
"""

from __future__ import annotations

import asyncio

from providers.kubernetes.applying import place_all
from providers.kubernetes.cluster import each
from providers.kubernetes.history import History
from providers.kubernetes.inventory import Inventory, group_of, take
from providers.kubernetes.live import Live, Site, labelled_workloads, read_live
from providers.kubernetes.manifests import parse_all
from providers.kubernetes.objects import NEVER_DELETED, Ref
from providers.kubernetes.records import newest_real, refuse_of_another
from providers.kubernetes.undoing import serving
from providers.kubernetes.values import KubernetesSnapshot, ObjectState
from providers.kubernetes.way import Way, fingerprint, way_back
from providers.kubernetes.workloads import desired
from providers.tree import Tree
from providers.values import Artifact, InstanceGroup, Release


async def capture(site: Site, release: Release) -> KubernetesSnapshot:
    """The state of everything the release names, of everything the last one had, and of all that runs of it."""
    objects, records = await asyncio.gather(
        place_all(site, parse_all(release.manifests)),
        History(site).read(),
    )
    refuse_of_another(records, release.service, site.release)
    base = newest_real(records)
    way = way_back(records, base.number if base else 0)
    namespaces = {site.namespace} | {item.ref.namespace for item in objects if item.ref.namespace}
    named = {item.ref for item in objects} | set(way.before) | await labelled_workloads(site, namespaces)
    if base is not None:
        named |= {stored.ref for stored in base.content.applied}
    live = await read_live(site, named)
    states = {ref: way.before[ref] if ref in way.before else live.state(ref) for ref in named}
    present = {ref: body for ref, body in states.items() if body is not None}
    artifact = release.artifact or (base.content.artifact if base else None)
    groups = await _groups(site, present, way, live, artifact)
    return KubernetesSnapshot(
        existed=any(ref.kind not in NEVER_DELETED for ref in present),
        artifact=_main_artifact(groups, artifact, serving(present)),
        groups=groups,
        release_number=base.number if base else 0,
        objects=tuple(
            ObjectState(
                api_version=ref.api_version,
                kind=ref.kind,
                name=ref.name,
                namespace=ref.namespace,
                digest=fingerprint(ref, body, None if ref in way.before else live.bodies.get(ref)),
            )
            for ref, body in sorted(present.items())
        ),
    )


async def _groups(
    site: Site, present: dict[Ref, Tree], way: Way, live: Live, artifact: Artifact | None
) -> tuple[InstanceGroup, ...]:
    async def one(ref: Ref) -> InstanceGroup:
        body = live.bodies.get(ref)
        inventory = await take(site.cluster, ref, body) if body is not None else Inventory((), ())
        # Only the live object carries what its controller says of it.
        state = present[ref] if ref in way.before or body is None else body
        count = desired(body if ref.kind == "DaemonSet" and body is not None else state)
        group = group_of(ref, state, inventory, artifact, autoscaled=live.autoscaled(ref))
        return group.model_copy(update={"count": count})

    return await each(sorted(ref for ref in present if ref.is_workload), one)


def _main_artifact(
    groups: tuple[InstanceGroup, ...], artifact: Artifact | None, serving_refs: set[Ref]
) -> Artifact | None:
    """The artifact of the workload that runs the service's image and serves; the first one's where none does."""
    names = {str(ref) for ref in serving_refs}
    same = [group for group in groups if artifact and group.artifact.image == artifact.image]
    ordered = [group for group in same if group.name in names] + same + list(groups)
    return ordered[0].artifact if ordered else None
