"""Applying a set of objects in order, checking it first, creating its namespace, deleting what is not wanted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

from providers.errors import ProviderConflict, ProviderRefused
from providers.interface import Attempt
from providers.kubernetes.calls import Effect
from providers.kubernetes.cluster import each
from providers.kubernetes.discovery import NAMESPACE
from providers.kubernetes.inventory import take
from providers.kubernetes.live import Live, Site, read_live
from providers.kubernetes.objects import (
    NEVER_DELETED,
    RELEASE_LABEL,
    KubeObject,
    Ref,
    api_group,
    label,
)
from providers.kubernetes.preparation import in_order
from providers.kubernetes.waiting import until_ended, until_gone
from providers.kubernetes.workloads import is_paused
from providers.tree import Tree, text

DEFINITION_SECONDS = 15.0


async def place_all(site: Site, objects: Iterable[KubeObject]) -> tuple[KubeObject, ...]:
    """The objects with their namespaces. A kind may be defined by another object of the same set."""
    listed = tuple(objects)
    scopes = {
        (text(item.body, "spec", "group"), text(item.body, "spec", "names", "kind")): text(
            item.body, "spec", "scope"
        )
        for item in listed
        if item.ref.kind == "CustomResourceDefinition"
    }

    async def place(found: KubeObject) -> KubeObject:
        scope = scopes.get((api_group(found.ref.api_version), found.ref.kind))
        if scope is not None:
            return found.placed_in((found.ref.namespace or site.namespace) if scope == "Namespaced" else None)
        return await site.cluster.place(found, site.namespace)

    return await each(listed, place)


async def namespace_exists(site: Site) -> bool:
    """Whether the target's namespace is there; believed where we may not look."""
    try:
        return await site.cluster.read(NAMESPACE, None, site.namespace) is not None
    except ProviderRefused:
        return True


async def create_namespace(site: Site, effect: Effect) -> None:
    body: Tree = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": site.namespace}}
    try:
        await site.cluster.create(NAMESPACE, None, body, effect)
    except ProviderConflict:
        return


async def check(site: Site, objects: Iterable[KubeObject]) -> dict[Ref, Tree]:
    """Ask the API server to apply the objects without keeping anything; what each would become.

    Objects whose kind is only defined by the same set cannot be asked for yet and are left out.
    """

    async def one(found: KubeObject) -> tuple[Ref, Tree | None]:
        if await site.cluster.discovery.find(found.ref.api_version, found.ref.kind) is None:
            return found.ref, None
        return found.ref, await site.cluster.apply(found, None, dry_run=True)

    return {ref: body for ref, body in await each(objects, one) if body is not None}


async def apply_all(site: Site, objects: Iterable[KubeObject], effect: Effect) -> dict[Ref, Tree]:
    """Apply the objects in the order of their kinds; each as it is afterwards."""
    applied: dict[Ref, Tree] = {}
    for together in in_order(objects):
        await _wait_until_served(site, together)

        async def one(found: KubeObject) -> tuple[Ref, Tree]:
            return found.ref, await site.cluster.apply(found, effect)

        applied.update(await each(together, one))
    return applied


async def _wait_until_served(site: Site, objects: Sequence[KubeObject]) -> None:
    """A kind defined a moment ago is served a moment later."""
    end = time.monotonic() + DEFINITION_SECONDS
    for version, kind in {(item.ref.api_version, item.ref.kind) for item in objects}:
        served = await site.cluster.discovery.find(version, kind)
        while served is None and time.monotonic() < end:
            await asyncio.sleep(0.2)
            served = await site.cluster.discovery.find(version, kind)


def ours_to_delete(refs: Iterable[Ref], live: Live, release: str) -> tuple[Ref, ...]:
    """Those of `refs` that exist and carry the release's label.

    What nobody could bring back (namespaces, definitions, claims) stays, and so does what is not ours.
    """
    return tuple(
        ref
        for ref in refs
        if ref.kind not in NEVER_DELETED and label(live.bodies.get(ref, {}), RELEASE_LABEL) == release
    )


async def after_deletions(site: Site, refs: Iterable[Ref], live: Live, attempt: Attempt) -> Live:
    """The live state once those of `refs` that are on their way out are gone: what is applied to them goes too.

    A claim waits for its pods to end, and a namespace for all of it, so they are left to themselves.
    """
    ending = [
        ref
        for ref in refs
        if ref.kind not in NEVER_DELETED and text(live.bodies.get(ref), "metadata", "deletionTimestamp")
    ]
    if not ending:
        return live
    await until_gone(site, ending, live, attempt)
    again = await read_live(site, ending)
    kept = {ref: body for ref, body in live.bodies.items() if ref not in ending}
    return Live({**kept, **again.bodies}, live.autoscalers)


async def remove(site: Site, refs: Iterable[Ref], live: Live, attempt: Attempt) -> None:
    """Delete the very objects that `live` has; wait until they are gone, and the pods of workloads too."""
    existing = [ref for ref in refs if ref in live.bodies]
    workloads = [ref for ref in existing if ref.is_workload]
    owned = await each(workloads, lambda ref: take(site.cluster, ref, live.bodies[ref]))
    await delete_all(site, existing, live, attempt.before_effect)
    await until_gone(site, existing, live, attempt)
    await until_ended(site, dict(zip(workloads, owned, strict=True)), live, attempt)


async def delete_all(site: Site, refs: Iterable[Ref], live: Live, effect: Effect) -> None:
    """Delete the very objects that `live` has."""

    async def one(ref: Ref) -> None:
        await site.cluster.delete(ref, text(live.bodies[ref], "metadata", "uid") or "", effect)

    await each(refs, one)


def refuse_paused(objects: Iterable[KubeObject], live: Live) -> None:
    """ProviderRefused if a Deployment is paused that should not be: somebody did it on purpose."""
    paused = [
        str(item.ref)
        for item in objects
        if (body := live.bodies.get(item.ref)) is not None and is_paused(body) and not is_paused(item.body)
    ]
    if paused:
        names = ", ".join(paused)
        raise ProviderRefused(
            f"{names} is paused, so no change of it would be rolled out: run `kubectl rollout resume` first."
        )
