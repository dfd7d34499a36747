"""Whether the way back is open, and what going it would change. Reads only, and asks what we are allowed."""

from __future__ import annotations

from providers.errors import ProviderNotFound
from providers.helm.hiding import value_changes
from providers.helm.recovering import OTHERS_SECONDS, unfinished
from providers.helm.releases import Revision, Status, read_releases
from providers.helm.restoration import Way, read_way
from providers.helm.states import objects_of
from providers.helm.values import HelmSnapshot
from providers.kubernetes.diff import changes
from providers.kubernetes.discovery import SECRET
from providers.kubernetes.live import Site
from providers.kubernetes.permissions import Question, denied, rules
from providers.kubernetes.workloads import is_paused
from providers.values import Change, Obstacle

Key = tuple[str, str]


async def preview(site: Site, snapshot: HelmSnapshot) -> tuple[Change, ...]:
    """What a rollback would change: Helm's record, then the live objects, ordered by resource.

    Empty where there is no way back: preflight says why.
    """
    if not snapshot.existed:
        return await _removal(site)
    try:
        way = await read_way(site, snapshot)
    except ProviderNotFound:
        return ()
    current = {item.ref: item.body for item in await objects_of(site, way.newest)}
    found: dict[Key, Change] = {}
    for item in sorted(way.found.objects, key=lambda item: item.ref):
        if item.ref in way.kept:
            continue
        # What the newest manifest has and the saved one has not is removed by Helm; an apply alone keeps it.
        removed = [
            change for change in changes(item.ref, current.get(item.ref), item.body) if change.target is None
        ]
        state, target = way.found.state(item.ref), way.found.target(item.ref)
        applied = changes(item.ref, state, target) if target is not None or state is None else ()
        if item.ref not in current:
            removed = []
        found |= {(change.resource, change.field): change for change in (*removed, *applied)}
    for item in way.handmade():
        for change in changes(item.ref, way.found.state(item.ref), item.body):
            found[change.resource, change.field] = change
    for ref in way.surplus.bodies:
        for change in changes(ref, way.surplus.state(ref), None):
            found[change.resource, change.field] = change
    return (*_of_release(site, way, snapshot), *found.values())


async def _removal(site: Site) -> tuple[Change, ...]:
    """Of a way back to nothing: the release goes."""
    newest = (await read_releases(site)).newest
    if newest is None or newest.status is Status.UNINSTALLED:
        return ()
    current = f"revision {newest.number} of {newest.chart}-{newest.chart_version}"
    return (Change(resource=f"Release/{site.release}", field="release", current=current),)


def _of_release(site: Site, way: Way, snapshot: HelmSnapshot) -> tuple[Change, ...]:
    """What of the release itself is different; a revision that others made says so."""
    if way.at_saved:
        return ()
    newest = way.newest
    pairs = {
        "revision": (_described(newest), str(snapshot.revision)),
        "chart": (f"{newest.chart}-{newest.chart_version}", f"{snapshot.chart}-{snapshot.chart_version}"),
    }
    found = [(field, *pair) for field, pair in pairs.items() if len(set(pair)) > 1]
    values = [(f"values {path}", *pair) for path, *pair in value_changes(newest.values, way.saved.values)]
    if not values and newest.values_digest != way.saved.values_digest:
        # Keys without a value, by which one tells helm to leave out the chart's own.
        values = [("values (digest)", newest.values_digest[:12], way.saved.values_digest[:12])]
    return tuple(
        Change(resource=f"Release/{site.release}", field=field, current=current, target=target)
        for field, current, target in (*found, *values)
    )


def _described(newest: Revision) -> str:
    status = "" if newest.came_up else f", {newest.status.value}"
    by_others = "" if newest.by_unship or newest.rolled_back_to is not None else ", not by Unship"
    return f"{newest.number}{status}{by_others}"


async def preflight(site: Site, snapshot: HelmSnapshot) -> tuple[Obstacle, ...]:
    """Everything that stands in the way of a rollback, all at once."""
    try:
        way = await read_way(site, snapshot)
    except ProviderNotFound as error:
        return (Obstacle(message=error.message, remedy="Deploy the earlier version as a new deployment."),)
    return (*_pending(site, way), *_paused(way), *await _forbidden(site, way))


def _pending(site: Site, way: Way) -> list[Obstacle]:
    left = unfinished(way.releases)
    if left is None:
        return []
    if left.by_unship or left.age_seconds() >= OTHERS_SECONDS:
        return [
            Obstacle(
                message=f'An interrupted helm left {left} of "{site.release}".',
                remedy="Nothing to do: the rollback goes to the saved revision all the same and ends it.",
                blocking=False,
            )
        ]
    return [
        Obstacle(
            message=f'Somebody else\'s helm is at work on "{site.release}", or was interrupted: {left}.',
            remedy=f"Wait until it has ended; after {int(OTHERS_SECONDS)} s it is taken for interrupted.",
        )
    ]


def _paused(way: Way) -> list[Obstacle]:
    live = way.found.live.bodies
    names = [str(item.ref) for item in way.found.objects if item.ref in live and is_paused(live[item.ref])]
    wanted = {str(item.ref) for item in way.found.objects if is_paused(item.body)}
    return [
        Obstacle(
            message=f"{name} is paused, so no change of it would be rolled out.",
            remedy=f"Resume it: kubectl rollout resume {name.lower()}.",
        )
        for name in names
        if name not in wanted
    ]


async def _forbidden(site: Site, way: Way) -> list[Obstacle]:
    if way.is_gone:
        return []
    questions = {Question(SECRET, verb, site.namespace) for verb in ("create", "update", "delete")}
    for item in way.found.objects:
        kind = await site.cluster.discovery.find(item.ref.api_version, item.ref.kind)
        if kind is not None:
            questions.add(Question(kind, "patch", item.ref.namespace))
    for ref in way.surplus.bodies:
        kind = await site.cluster.discovery.kind(ref.api_version, ref.kind)
        questions.add(Question(kind, "delete", ref.namespace))
    missing = await denied(site, await rules(site), sorted(questions, key=str))
    if not missing:
        return []
    verbs = ", ".join(str(question) for question in missing)
    return [
        Obstacle(
            message=f"The connector's user may not {verbs} in namespace {site.namespace}.",
            remedy="Grant it with the Role in docs/platforms.md.",
        )
    ]
