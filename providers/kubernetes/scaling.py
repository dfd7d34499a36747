"""K8sScale: set the replica count of one workload. The count is decided once and kept in the step's record."""

from __future__ import annotations

import asyncio

from providers.errors import ProviderNotFound, ProviderRefused
from providers.interface import Attempt
from providers.kubernetes.history import History
from providers.kubernetes.live import Site, read_live
from providers.kubernetes.naming import find_ref
from providers.kubernetes.objects import SCALABLE, Ref
from providers.kubernetes.plans import outputs
from providers.kubernetes.records import Content, StoredObject, newest, of_token
from providers.kubernetes.values import CountSelection, Operation, ScaleSpec
from providers.kubernetes.waiting import Watcher
from providers.kubernetes.workloads import desired, share_of
from providers.tree import Tree, number
from providers.values import Effect, Outcome


async def scale(site: Site, spec: ScaleSpec, attempt: Attempt) -> Outcome:
    """Scale the workload and wait for its pods; SKIPPED if it has that count."""
    ref = await find_ref(site, spec.workload)
    if ref.kind not in SCALABLE:
        raise ProviderRefused(f"{ref} has no replica count: K8sScale takes a Deployment or a StatefulSet.")
    history = History(site)
    records, live = await asyncio.gather(history.read(), read_live(site, [ref]))
    body = live.bodies.get(ref)
    if body is None:
        raise ProviderNotFound(f"{ref} does not exist in namespace {ref.namespace}, so it cannot be scaled.")
    if live.autoscaled(ref):
        raise ProviderRefused(f"{ref} is scaled by a HorizontalPodAutoscaler: change its limits instead.")
    record = of_token(records, attempt.token)
    if record is None:
        replicas = _wanted(spec, body)
        if desired(body) == replicas:
            reason = f"{ref} already has {replicas} replicas."
            told = {**outputs(site, newest(records)), "replicas": str(replicas)}
            return Outcome(effect=Effect.SKIPPED, reason=reason, outputs=told)
        content = Content(before=(StoredObject.of(ref, live.state(ref)),), replicas=replicas)
        record = await history.begin(records, Operation.SCALE, attempt.token, content, attempt.before_effect)
    replicas = record.content.replicas or 0
    async with history.ending(record, records, attempt.before_effect):
        await _set(site, ref, body, replicas, attempt)
        if not spec.skip_steady_state_check:
            await Watcher(site.cluster, attempt).wait({ref: None})
    return Outcome(effect=Effect.CHANGED, outputs={**outputs(site, record), "replicas": str(replicas)})


async def _set(site: Site, ref: Ref, body: Tree, replicas: int, attempt: Attempt) -> None:
    if number(body, "spec", "replicas") == replicas:
        return
    kind = await site.cluster.discovery.kind(ref.api_version, ref.kind)
    patch: Tree = {"spec": {"replicas": replicas}}
    await site.cluster.merge(kind, ref, patch, attempt.before_effect, "scale")


def _wanted(spec: ScaleSpec, body: Tree) -> int:
    selection = spec.instance_selection
    if isinstance(selection, CountSelection):
        return selection.spec.count
    return share_of(desired(body), selection.spec.percentage)
