"""Whether the way back is open: the preview and the obstacles. Reads only, and asks what we are allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from providers.errors import ProviderNotFound, ProviderRefused
from providers.kubernetes.cluster import each
from providers.kubernetes.diff import changes
from providers.kubernetes.discovery import (
    CLAIM,
    CONFIG_MAP,
    NAMESPACE,
    SECRET,
    SERVICE_ACCOUNT,
)
from providers.kubernetes.inventory import revision_for, revisions_of
from providers.kubernetes.live import Live, Site
from providers.kubernetes.objects import KubeObject, Ref, template
from providers.kubernetes.permissions import Question, denied, rules
from providers.kubernetes.references import needed
from providers.kubernetes.rollback import read_way
from providers.kubernetes.undoing import reached, target_states, undoing
from providers.kubernetes.values import KubernetesSnapshot
from providers.kubernetes.way import Way
from providers.kubernetes.workloads import is_paused
from providers.tree import Tree, text
from providers.values import Change, Obstacle

_NEEDED_KINDS = {kind.name: kind for kind in (CONFIG_MAP, SECRET, CLAIM, SERVICE_ACCOUNT)}


async def preview(site: Site, snapshot: KubernetesSnapshot) -> tuple[Change, ...]:
    """What a rollback would change: the live state against the one to bring back, ordered by resource."""
    _, way, live = await read_way(site, snapshot)
    plan = undoing(way, live, site.release)
    found = [change for ref, *states in target_states(way, live) for change in changes(ref, *states)]
    for ref, now, then in reached(way, live):
        found.append(Change(resource=str(ref), field="reaches", current=now, target=then))
    for ref in (*plan.scalers, *plan.removed):
        found.extend(changes(ref, live.state(ref), None))
    return tuple(found)


async def preflight(site: Site, snapshot: KubernetesSnapshot) -> tuple[Obstacle, ...]:
    """Everything that stands in the way of a rollback, all at once."""
    namespace, way_or_gap, known = await asyncio.gather(_namespace(site), _way_or_gap(site, snapshot), rules(site))
    if namespace is not None:
        return (namespace,)
    if isinstance(way_or_gap, Obstacle):
        return (way_or_gap,)
    way, live = way_or_gap
    found = await asyncio.gather(
        _unserved(site, way), _forbidden(site, way, live, known), _pruned(site, way, live), _absent(site, way)
    )
    return tuple(item for part in found for item in part) + _paused(way, live)


async def _way_or_gap(site: Site, snapshot: KubernetesSnapshot) -> tuple[Way, Live] | Obstacle:
    try:
        _, way, live = await read_way(site, snapshot)
    except ProviderNotFound as error:
        return Obstacle(message=error.message, remedy="Deploy the earlier version as a new deployment.")
    return way, live


async def _namespace(site: Site) -> Obstacle | None:
    """What is wrong with the target's namespace; nothing where we may not look."""
    try:
        body = await site.cluster.read(NAMESPACE, None, site.namespace)
    except ProviderRefused:
        return None
    if body is None:
        return Obstacle(
            message=f"The namespace {site.namespace} is gone, and with it everything the release was.",
            remedy="Deploy the earlier version again: a deployment creates the namespace.",
        )
    if text(body, "status", "phase") == "Terminating":
        return Obstacle(
            message=f"The namespace {site.namespace} is being deleted.",
            remedy="Wait until it is gone, then deploy the earlier version again.",
        )
    return None


async def _unserved(site: Site, way: Way) -> list[Obstacle]:
    kinds = sorted({(item.ref.api_version, item.ref.kind) for item in way.present()})

    async def one(kind: tuple[str, str]) -> list[Obstacle]:
        if await site.cluster.discovery.find(*kind) is not None:
            return []
        return [
            Obstacle(
                message=f"The cluster no longer serves {kind[1]} in {kind[0]}, which the earlier release used.",
                remedy="Install its definition again, or deploy a version made for the API that is served.",
            )
        ]

    return [item for part in await each(kinds, one) for item in part]


async def _forbidden(site: Site, way: Way, live: Live, known: tuple[Tree, ...]) -> list[Obstacle]:
    plan = undoing(way, live, site.release)
    wanted = {(item.ref.api_version, item.ref.kind, item.ref.namespace, "patch") for item in plan.changed}
    wanted |= {(ref.api_version, ref.kind, ref.namespace, "delete") for ref in (*plan.scalers, *plan.removed)}
    if not wanted:
        return []
    questions = {Question(SECRET, verb, site.namespace) for verb in ("create", "patch")}
    for api_version, name, namespace, verb in wanted:
        kind = await site.cluster.discovery.find(api_version, name)
        if kind is not None:
            questions.add(Question(kind, verb, namespace))
    missing = await denied(site, known, sorted(questions, key=str))
    if not missing:
        return []
    verbs = ", ".join(str(question) for question in missing)
    return [
        Obstacle(
            message=f"The connector's user may not {verbs} in namespace {site.namespace}.",
            remedy="Grant it with the Role in docs/platforms.md.",
        )
    ]


async def _pruned(site: Site, way: Way, live: Live) -> list[Obstacle]:
    workloads = [item for item in way.present() if item.ref.is_workload and item.ref in live.bodies]

    async def one(item: KubeObject) -> list[Obstacle]:
        revisions = await revisions_of(site.cluster, item.ref, live.bodies[item.ref])
        if revision_for(item.ref.kind, template(item.body), revisions) is not None:
            return []
        what = "ReplicaSet" if item.ref.kind == "Deployment" else "ControllerRevision"
        return [
            Obstacle(
                message=f"The {what} of the earlier {item.ref} is gone (revisionHistoryLimit, or deleted).",
                remedy="Nothing to do: its manifest is applied again, which makes a new one.",
                blocking=False,
            )
        ]

    return [item for part in await each(workloads, one) for item in part]


async def _absent(site: Site, way: Way) -> list[Obstacle]:
    """What earlier pods need and neither exists nor is brought back."""
    restored = {(item.ref.kind, item.ref.namespace, item.ref.name) for item in way.present()}
    questions = sorted(
        {
            (kind, item.ref.namespace or "", name, str(item.ref))
            for item in way.present()
            if item.ref.is_workload
            for kind, name in needed(template(item.body))
            if (kind, item.ref.namespace, name) not in restored
        }
    )

    async def one(question: tuple[str, str, str, str]) -> list[Obstacle]:
        kind, namespace, name, user = question
        try:
            if await site.cluster.read(_NEEDED_KINDS[kind], namespace, name) is not None:
                return []
        except ProviderRefused:
            # Where we may not look, the pods find out.
            return []
        return [
            Obstacle(
                message=f"The earlier {user} needs {kind}/{name}, which does not exist any more.",
                remedy=f"Create {kind}/{name} in namespace {namespace} again.",
            )
        ]

    return [item for part in await each(questions, one) for item in part]


def _paused(way: Way, live: Live) -> tuple[Obstacle, ...]:
    return tuple(
        Obstacle(
            message=f"{ref} is paused, so a change of it would not be rolled out.",
            remedy=f"kubectl -n {ref.namespace} rollout resume deployment/{ref.name}",
        )
        for ref in _paused_refs(way.present(), live)
    )


def _paused_refs(objects: Iterable[KubeObject], live: Live) -> list[Ref]:
    return [item.ref for item in objects if is_paused(live.bodies.get(item.ref, {})) and not is_paused(item.body)]
