"""K8sRollingRollback: bring everything that the undone releases touched back to what it was, and nothing else."""

from __future__ import annotations

import asyncio

from pydantic import JsonValue

from providers.errors import ProviderError
from providers.interface import Attempt
from providers.kubernetes.applying import apply_all, delete_all, ours_to_delete, refuse_paused
from providers.kubernetes.claiming import claim_surplus
from providers.kubernetes.deploying import outputs
from providers.kubernetes.diff import differences
from providers.kubernetes.history import History
from providers.kubernetes.live import Live, Site, read_live
from providers.kubernetes.objects import KubeObject, Ref
from providers.kubernetes.preparation import to_restore
from providers.kubernetes.records import Content, Record, StoredObject, of_token
from providers.kubernetes.restoration import Way, ref_of, way_back, without_gaps
from providers.kubernetes.tree import Tree, drop, tree
from providers.kubernetes.values import KubernetesSnapshot, Operation
from providers.kubernetes.waiting import Watcher, until_gone
from providers.kubernetes.workloads import is_paused
from providers.values import Effect, Outcome


async def read_way(
    site: Site, snapshot: KubernetesSnapshot, own_token: str | None = None
) -> tuple[tuple[Record, ...], Way, Live]:
    """The history, the way back and the live state of what it touches."""
    history = History(site.cluster, site.namespace, site.release)
    named = {ref_of(state) for state in snapshot.objects}
    records, live = await asyncio.gather(history.read(), read_live(site, named))
    way = way_back(records, snapshot.release_number, own_token)
    further = set(way.before) - named
    if further:
        rest = await read_live(site, further)
        live = Live({**live.bodies, **rest.bodies}, live.autoscalers or rest.autoscalers)
    return records, without_gaps(snapshot, way, records, live), live


def autoscaled_after(way: Way, live: Live, ref: Ref) -> bool:
    """Whether an autoscaler owns the count once the way is gone: one that the undone release brought does not."""
    gone = {(item.namespace, item.name) for item in way.absent() if item.kind == "HorizontalPodAutoscaler"}
    kept = tuple(item for item in live.autoscalers if _identity(item) not in gone)
    restored = tuple(item.body for item in way.present() if item.ref.kind == "HorizontalPodAutoscaler")
    return Live({}, kept + restored).autoscaled(ref)


def _identity(body: Tree) -> tuple[str | None, str]:
    metadata = tree(body, "metadata")
    return str(metadata.get("namespace")), str(metadata.get("name"))


def target_state(found: KubeObject, way: Way, live: Live) -> tuple[Tree | None, Tree]:
    """The live state of an object and the one to bring back, both without a count that an autoscaler owns."""
    current, target = live.state(found.ref), found.body
    if found.ref.is_workload and current is not None and autoscaled_after(way, live, found.ref):
        current, target = drop(current, "spec", "replicas"), drop(target, "spec", "replicas")
    return current, target


def differing(way: Way, live: Live) -> tuple[KubeObject, ...]:
    """The objects that are not as they were."""
    found: list[KubeObject] = []
    for item in way.present():
        current, target = target_state(item, way, live)
        if current is None or differences(current, target):
            found.append(item)
    return tuple(found)


def created(way: Way, live: Live, release: str) -> tuple[Ref, ...]:
    """What only the undone releases created, and is to be deleted."""
    return ours_to_delete(way.absent(), live, release)


async def roll_back(site: Site, snapshot: KubernetesSnapshot, attempt: Attempt) -> Outcome:
    """Bring the target back to the snapshot; SKIPPED if nothing differs from it."""
    records, way, live = await read_way(site, snapshot, attempt.token)
    history = History(site.cluster, site.namespace, site.release)
    record = of_token(records, attempt.token)
    changed, gone = differing(way, live), created(way, live, site.release)
    workloads = [item for item in way.present() if item.ref.is_workload and not is_paused(item.body)]
    if record is None and not changed and not gone:
        await Watcher(site.cluster, attempt).wait({item.ref: live.bodies.get(item.ref) for item in workloads})
        reason = "Everything that the release touched is already as it was before it."
        return Outcome(effect=Effect.SKIPPED, reason=reason, outputs=_outputs(site, None, snapshot))
    refuse_paused(changed, live)
    wanted = tuple(to_restore(item, live, autoscaled=autoscaled_after(way, live, item.ref)) for item in changed)
    if record is None:
        content = _content(snapshot, way, live)
        record = await history.begin(records, Operation.ROLL_BACK, attempt.token, content, attempt.before_effect)
    try:
        # An autoscaler that the undone release brought would fight for the count.
        scalers = [ref for ref in gone if ref.kind == "HorizontalPodAutoscaler"]
        await delete_all(site, scalers, live, attempt.before_effect)
        await claim_surplus(site, wanted, live, attempt.before_effect)
        applied = await apply_all(site, wanted, attempt.before_effect)
        seen = {**live.bodies, **applied}
        await Watcher(site.cluster, attempt).wait(
            {item.ref: seen.get(item.ref) for item in workloads}, fresh=applied
        )
        # Only now, when what replaces them is up.
        rest = [ref for ref in gone if ref not in scalers]
        await delete_all(site, rest, live, attempt.before_effect)
        await until_gone(site, rest, live, attempt)
    except ProviderError:
        await history.fail(record, attempt.before_effect)
        raise
    await history.finish(record, records, attempt.before_effect, undone=way.undone)
    return Outcome(effect=Effect.CHANGED, outputs=_outputs(site, record, snapshot))


def _content(snapshot: KubernetesSnapshot, way: Way, live: Live) -> Content:
    return Content(
        artifact=snapshot.artifact,
        applied=tuple(StoredObject.of(item.ref, item.body) for item in way.present()),
        before=tuple(StoredObject.of(ref, live.state(ref)) for ref in way.before),
        restored=snapshot.release_number,
    )


def _outputs(site: Site, record: Record | None, snapshot: KubernetesSnapshot) -> dict[str, JsonValue]:
    restored: dict[str, JsonValue] = {"restoredReleaseNumber": str(snapshot.release_number)}
    return restored | (outputs(site, record) if record is not None else {})
