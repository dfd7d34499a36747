"""A plan of what to apply, and carrying it out: check everything, record, apply, wait."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pydantic import JsonValue

from providers.interface import Attempt
from providers.kubernetes.applying import (
    after_deletions,
    apply_all,
    check,
    create_namespace,
    delete_all,
    namespace_exists,
    ours_to_delete,
    place_all,
    refuse_paused,
)
from providers.kubernetes.claiming import claim_abandoned
from providers.kubernetes.colours import refuse_both_colours
from providers.kubernetes.diff import differences
from providers.kubernetes.history import History
from providers.kubernetes.live import Live, Site, read_live
from providers.kubernetes.objects import (
    NUMBER_ANNOTATION,
    KubeObject,
    Ref,
    annotation,
    labelled,
    stateless,
)
from providers.kubernetes.preparation import numbered, to_deploy, with_configuration
from providers.kubernetes.records import (
    Content,
    Record,
    StoredObject,
    newest_real,
    of_token,
    refuse_of_another,
)
from providers.kubernetes.values import Operation
from providers.kubernetes.waiting import Watcher
from providers.kubernetes.workloads import is_paused
from providers.tree import Tree
from providers.values import Artifact, Effect, Outcome


@dataclass(frozen=True)
class Plan:
    """What a step wants to apply, and how.

    `counted` says that replica counts are decided, `in_turn` that the order of the objects counts; `beside` names
    what is recorded as it is and not touched, because a rollback will need it.
    """

    operation: Operation
    service: str
    manifests: tuple[KubeObject, ...]
    artifact: Artifact | None
    dry_run: bool
    wait: bool = True
    prune: bool = False
    counted: bool = False
    in_turn: bool = False
    beside: tuple[Ref, ...] = ()


@dataclass(frozen=True)
class Work:
    """What is to be applied (`changed`, of all that is `wanted`) to the `live` objects, and which are `stale`."""

    wanted: tuple[KubeObject, ...]
    changed: list[KubeObject]
    live: Live
    stale: Live


async def carry_out(site: Site, plan: Plan, attempt: Attempt) -> Outcome:
    """Check, record, apply, wait. Done once: with a token whose record is finished, nothing."""
    history = History(site)
    placed = await place_all(site, plan.manifests)
    manifests = {item.ref: item.body for item in placed}
    objects = with_configuration(tuple(labelled(item, site.release) for item in placed))
    records, live, has_namespace = await asyncio.gather(
        history.read(), read_live(site, {*manifests, *plan.beside}), namespace_exists(site)
    )
    record = of_token(records, attempt.token)
    if record is not None and record.finished:
        return _outcome(site, record, Effect.CHANGED, None)
    refuse_of_another(records, plan.service, site.release)
    refuse_paused(objects, live)
    refuse_both_colours(objects, live)
    live = await after_deletions(site, manifests, live, attempt)
    number = record.number if record else records[-1].number + 1 if records else 1
    wanted = tuple(to_deploy(item, manifests[item.ref], live, number, counted=plan.counted) for item in objects)
    await claim_abandoned(site, wanted, live, attempt.before_effect)
    unchanged: set[Ref] = set()
    if plan.dry_run and has_namespace:
        wanted, unchanged = _as_checked(wanted, await check(site, wanted), live)
    stale = await _stale(site, plan, records, manifests)
    if record is None:
        if not has_namespace:
            await create_namespace(site, attempt.before_effect)
        content = _content(plan, wanted, live, stale)
        record = await history.begin(records, plan.operation, attempt.token, content, attempt.before_effect)
    changed = [item for item in wanted if item.ref not in unchanged]
    async with history.ending(record, records, attempt.before_effect):
        await _perform(site, plan, Work(wanted, changed, live, stale), attempt)
    if not changed and not stale.bodies:
        return _outcome(site, record, Effect.SKIPPED, "Everything was already as the manifests say.")
    return _outcome(site, record, Effect.CHANGED, None)


def _as_checked(
    wanted: tuple[KubeObject, ...], checked: dict[Ref, Tree], live: Live
) -> tuple[tuple[KubeObject, ...], set[Ref]]:
    """The objects again, and which of them the release would leave as they are.

    A workload that a release does not change keeps the number of the release that did.
    """
    unchanged: set[Ref] = set()
    result: list[KubeObject] = []
    for item in wanted:
        before, after = live.bodies.get(item.ref), checked.get(item.ref)
        old = annotation(before, NUMBER_ANNOTATION) if before is not None and item.ref.is_workload else None
        kept = KubeObject(item.ref, numbered(item.body, old)) if old else item
        if before is None or after is None:
            result.append(item)
            continue
        outcome = numbered(stateless(after), old) if old else stateless(after)
        same = not differences(stateless(before), outcome)
        result.append(kept if same else item)
        if same:
            unchanged.add(item.ref)
    return tuple(result), unchanged


async def _stale(site: Site, plan: Plan, records: tuple[Record, ...], manifests: dict[Ref, Tree]) -> Live:
    """What the last release had and this one has not, if that is to be pruned."""
    last = newest_real(record for record in records if record.operation in {Operation.DEPLOY, Operation.ROLL_BACK})
    if not plan.prune or last is None:
        return Live({})
    found = await read_live(site, {item.ref for item in last.content.applied} - set(manifests))
    return Live({ref: found.bodies[ref] for ref in ours_to_delete(found.bodies, found, site.release)})


def _content(plan: Plan, wanted: tuple[KubeObject, ...], live: Live, stale: Live) -> Content:
    known = [item.ref for item in wanted] + [ref for ref in plan.beside if ref in live.bodies]
    before = [StoredObject.of(ref, live.state(ref)) for ref in known]
    before += [StoredObject.of(ref, stale.state(ref)) for ref in stale.bodies]
    return Content(
        service=plan.service,
        artifact=plan.artifact,
        applied=tuple(StoredObject.of(item.ref, item.body) for item in wanted),
        before=tuple(before),
    )


async def _perform(site: Site, plan: Plan, work: Work, attempt: Attempt) -> None:
    applied: dict[Ref, Tree] = {}
    for part in [[item] for item in work.changed] if plan.in_turn else [work.changed]:
        applied.update(await apply_all(site, part, attempt.before_effect))
    if plan.wait:
        workloads = [item for item in work.wanted if item.ref.is_workload and not is_paused(item.body)]
        seen = {**work.live.bodies, **applied}
        watched = {item.ref: seen.get(item.ref) for item in workloads}
        await Watcher(site.cluster, attempt).wait(watched, fresh=applied)
    # Only now, when what replaces them is up.
    await delete_all(site, work.stale.bodies, work.stale, attempt.before_effect)


def _outcome(site: Site, record: Record, effect: Effect, reason: str | None) -> Outcome:
    return Outcome(effect=effect, reason=reason, outputs=outputs(site, record))


def outputs(site: Site, record: Record | None) -> dict[str, JsonValue]:
    """What expressions can read of a step: texts. A step that did nothing names the newest record, if any."""
    return {
        "releaseNumber": str(record.number if record is not None else 0),
        "releaseName": site.release,
        "namespace": site.namespace,
    }
