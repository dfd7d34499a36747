"""K8sRollingRollback: bring everything that the undone releases touched back to what it was, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from pydantic import JsonValue

from providers.interface import Attempt
from providers.kubernetes.applying import after_deletions, apply_all, delete_all, refuse_paused, remove
from providers.kubernetes.claiming import claim_surplus
from providers.kubernetes.history import History
from providers.kubernetes.live import Live, Site, read_live
from providers.kubernetes.objects import KubeObject, Ref
from providers.kubernetes.plans import outputs
from providers.kubernetes.records import Content, Record, StoredObject, newest, of_token
from providers.kubernetes.undoing import Undoing, undoing
from providers.kubernetes.values import KubernetesSnapshot, Operation
from providers.kubernetes.waiting import Watcher
from providers.kubernetes.way import Way, ref_of, way_back, without_gaps
from providers.kubernetes.workloads import is_paused
from providers.values import Effect, Outcome, Progress


async def read_way(
    site: Site, snapshot: KubernetesSnapshot, own_token: str | None = None
) -> tuple[tuple[Record, ...], Way, Live]:
    """The history, the way back and the live state of what it touches."""
    history = History(site)
    named = {ref_of(state) for state in snapshot.objects}
    records, live = await asyncio.gather(history.read(), read_live(site, named))
    way = way_back(records, snapshot.release_number, own_token)
    further = set(way.before) - named
    if further:
        rest = await read_live(site, further)
        live = Live({**live.bodies, **rest.bodies}, live.autoscalers + rest.autoscalers)
    return records, without_gaps(snapshot, way, records, live), live


async def roll_back(site: Site, snapshot: KubernetesSnapshot, attempt: Attempt) -> Outcome:
    """Bring the target back to the snapshot; SKIPPED if nothing differs from it."""
    records, way, live = await read_way(site, snapshot, attempt.token)
    live = await after_deletions(site, [item.ref for item in way.present()], live, attempt)
    record = of_token(records, attempt.token)
    plan = undoing(way, live, site.release)
    workloads = [item.ref for item in way.present() if item.ref.is_workload and not is_paused(item.body)]
    if record is None and plan.is_nothing:
        await Watcher(site.cluster, attempt).wait({ref: live.bodies.get(ref) for ref in workloads})
        await History(site).settle(records, snapshot.release_number, attempt.before_effect, undone=way.undone)
        reason = "Everything that the release touched is already as it was before it."
        return Outcome(effect=Effect.SKIPPED, reason=reason, outputs=_outputs(site, newest(records), snapshot))
    refuse_paused(plan.changed, live)
    history = History(site)
    if record is None:
        content = _content(snapshot, way, live)
        record = await history.begin(records, Operation.ROLL_BACK, attempt.token, content, attempt.before_effect)
    async with history.ending(record, records, attempt.before_effect, undone=way.undone):
        await _perform(site, plan, workloads, live, attempt)
    return Outcome(effect=Effect.CHANGED, outputs=_outputs(site, record, snapshot))


async def _perform(site: Site, plan: Undoing, workloads: list[Ref], live: Live, attempt: Attempt) -> None:
    """Capacity, then traffic, then everything else."""

    async def bring_back(objects: tuple[KubeObject, ...], refs: Iterable[Ref]) -> None:
        applied = await apply_all(site, objects, attempt.before_effect)
        seen = {**live.bodies, **applied}
        await Watcher(site.cluster, attempt).wait({ref: seen.get(ref) for ref in refs}, fresh=applied)

    await delete_all(site, plan.scalers, live, attempt.before_effect)
    await claim_surplus(site, plan.changed, live, attempt.before_effect)
    await bring_back(plan.capacity, [ref for ref in workloads if ref not in plan.leaving])
    for part in plan.traffic:
        if part:
            names = ", ".join(str(item.ref) for item in part)
            await attempt.report(Progress(message=f"Leading traffic back with {names}"))
        await apply_all(site, part, attempt.before_effect)
    await bring_back(plan.rest, [ref for ref in workloads if ref in plan.leaving])
    await remove(site, plan.removed, live, attempt)
    await bring_back(plan.settled, [item.ref for item in plan.settled])


def _content(snapshot: KubernetesSnapshot, way: Way, live: Live) -> Content:
    return Content(
        artifact=snapshot.artifact,
        applied=tuple(StoredObject.of(item.ref, item.body) for item in way.present()),
        before=tuple(StoredObject.of(ref, live.state(ref)) for ref in way.before),
        restored=snapshot.release_number,
    )


def _outputs(site: Site, record: Record | None, snapshot: KubernetesSnapshot) -> dict[str, JsonValue]:
    groups = (f"{group.name}: {group.count} of {group.artifact.display_name}" for group in snapshot.groups)
    restored: dict[str, JsonValue] = {
        "restoredReleaseNumber": str(snapshot.release_number),
        "restoredArtifact": snapshot.artifact.display_name if snapshot.artifact else "",
        "restoredInstances": ", ".join(groups),
    }
    return restored | outputs(site, record)
