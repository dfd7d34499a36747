"""The live pods of a release: by its label, and by their selectors for workloads older than the label."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from providers.images import artifact_of, main_container
from providers.kubernetes.applying import place_all
from providers.kubernetes.cluster import by_selector, each
from providers.kubernetes.discovery import POD, REPLICA_SET
from providers.kubernetes.images import running_digest
from providers.kubernetes.inventory import is_live, is_ready, owner, pod_revision, take
from providers.kubernetes.live import Live, Site, read_live
from providers.kubernetes.manifests import parse_all
from providers.kubernetes.objects import (
    COLOR_LABEL,
    NUMBER_ANNOTATION,
    RELEASE_LABEL,
    TRACK_LABEL,
    WORKLOADS,
    Ref,
    annotation,
    containers,
    label,
)
from providers.kubernetes.values import ContainerDetails, PodDetails
from providers.kubernetes.workloads import pod_reason
from providers.tree import Tree, at, number, text, trees
from providers.values import Artifact, InstanceHealth, LiveInstance, Release

# A container that has restarted so often and is not ready is not just starting.
MANY_RESTARTS = 3


@dataclass(frozen=True)
class _Found:
    """Pods by uid, and what their ReplicaSets say, by uid."""

    pods: Mapping[str, Tree]
    replica_sets: Mapping[str, Tree]


async def instances(site: Site, release: Release) -> tuple[LiveInstance, ...]:
    """The pods of the release's workloads that run or are about to, ordered by key."""
    objects = await place_all(site, parse_all(release.manifests))
    return await of_workloads(site, (item.ref for item in objects), release.artifact)


async def of_workloads(
    site: Site, refs: Iterable[Ref], artifact: Artifact | None, *, by_label: bool = True
) -> tuple[LiveInstance, ...]:
    """The pods of the workloads among `refs` and, `by_label`, all others that carry the release's label."""
    wanted = sorted(ref for ref in refs if ref.is_workload)
    namespaces = {site.namespace} | {ref.namespace for ref in wanted if ref.namespace}
    live, found = await asyncio.gather(
        read_live(site, wanted),
        each(sorted(namespaces) if by_label else (), lambda namespace: _labelled(site, namespace)),
    )
    every = _merged(found)
    unlabelled = [ref for ref in live.bodies if _missing(ref, live.bodies[ref], every)]
    every = _merged([every, *await each(unlabelled, lambda ref: _selected(site, ref, live.bodies[ref]))])
    listed = [_instance(pod, every, live, artifact) for pod in every.pods.values()]
    return tuple(sorted((item for item in listed if item is not None), key=lambda item: item.key))


async def _labelled(site: Site, namespace: str) -> _Found:
    selector = by_selector({RELEASE_LABEL: site.release})
    pods, replica_sets = await asyncio.gather(
        site.cluster.list(POD, namespace, selector), site.cluster.list(REPLICA_SET, namespace, selector)
    )
    return _found(tuple(pod for pod in pods if is_live(pod)), replica_sets)


async def _selected(site: Site, ref: Ref, workload: Tree) -> _Found:
    inventory = await take(site.cluster, ref, workload)
    return _found(inventory.pods, inventory.revisions if ref.kind == "Deployment" else ())


def _found(pods: tuple[Tree, ...], replica_sets: tuple[Tree, ...]) -> _Found:
    return _Found({_uid(pod): pod for pod in pods}, {_uid(item): item for item in replica_sets})


def _merged(found: Iterable[_Found]) -> _Found:
    pods = {uid: pod for part in found for uid, pod in part.pods.items()}
    return _Found(pods, {uid: item for part in found for uid, item in part.replica_sets.items()})


def _uid(body: Tree) -> str:
    return text(body, "metadata", "uid") or ""


def _missing(ref: Ref, workload: Tree, found: _Found) -> bool:
    """Whether the workload reports more pods than carry the label."""
    field = "currentNumberScheduled" if ref.kind == "DaemonSet" else "replicas"
    running = sum(1 for pod in found.pods.values() if _workload(pod, found) == (ref.kind, ref.name))
    return (number(workload, "status", field) or 0) > running


def _workload(pod: Tree, found: _Found) -> tuple[str, str] | None:
    """Kind and name of the workload that manages a pod; None for pods of jobs and for bare ones."""
    reference = owner(pod)
    if text(reference, "kind") == "ReplicaSet":
        reference = owner(found.replica_sets.get(text(reference, "uid") or "", {}))
    kind, name = text(reference, "kind") or "", text(reference, "name") or ""
    return (kind, name) if kind in WORKLOADS and name else None


def _instance(pod: Tree, found: _Found, live: Live, artifact: Artifact | None) -> LiveInstance | None:
    workload = _workload(pod, found)
    if workload is None:
        return None
    kind, name = workload
    namespace, pod_name = text(pod, "metadata", "namespace") or "", text(pod, "metadata", "name") or ""
    ref = Ref.of("apps/v1", kind, name, namespace)
    group = f"{kind}/{name}"
    container = main_container(containers(pod), artifact)
    digest = running_digest(pod, text(container, "name"))
    release_number = annotation(_holder(pod, found, live, ref), NUMBER_ANNOTATION)
    started = text(pod, "status", "startTime") or text(pod, "metadata", "creationTimestamp")
    return LiveInstance(
        key=f"{namespace}/{pod_name}/{_uid(pod)}",
        group=group,
        artifact=artifact_of(text(container, "image") or "", digest, release_number),
        revision=pod_revision(pod),
        health=_health(pod),
        autoscaled=live.autoscaled(ref),
        started_at=datetime.fromisoformat(started) if started else None,
        details=_details(pod, namespace, pod_name, group).as_json(),
    )


def _holder(pod: Tree, found: _Found, live: Live, ref: Ref) -> Tree:
    """What carries the number of a pod's release: its ReplicaSet, or else the workload."""
    replica_set = found.replica_sets.get(text(owner(pod), "uid") or "", {})
    if annotation(replica_set, NUMBER_ANNOTATION) is not None:
        return replica_set
    return live.bodies.get(ref, {})


def _health(pod: Tree) -> InstanceHealth:
    phase = text(pod, "status", "phase")
    if phase in (None, "Unknown"):
        return InstanceHealth.UNKNOWN
    if is_ready(pod):
        return InstanceHealth.HEALTHY
    statuses = trees(pod, "status", "containerStatuses")
    restarts = sum(number(status, "restartCount") or 0 for status in statuses)
    stopped = any(at(status, "state", "terminated") is not None for status in statuses)
    if pod_reason(pod) is not None or restarts >= MANY_RESTARTS or stopped:
        return InstanceHealth.UNHEALTHY
    was_ready = phase == "Running" and all(at(status, "started") is True for status in statuses)
    return InstanceHealth.UNHEALTHY if was_ready and restarts else InstanceHealth.STARTING


def _details(pod: Tree, namespace: str, pod_name: str, group: str) -> PodDetails:
    statuses = {text(status, "name"): status for status in trees(pod, "status", "containerStatuses")}
    return PodDetails(
        namespace=namespace,
        pod_name=pod_name,
        workload=group,
        track=label(pod, TRACK_LABEL),
        color=label(pod, COLOR_LABEL),
        node=text(pod, "spec", "nodeName"),
        pod_ip=text(pod, "status", "podIP"),
        phase=text(pod, "status", "phase"),
        reason=pod_reason(pod),
        containers=tuple(
            ContainerDetails(
                name=text(container, "name") or "",
                image=text(container, "image") or "",
                ready=at(status, "ready") is True,
                restarts=number(status, "restartCount") or 0,
            )
            for container in trees(pod, "spec", "containers")
            for status in [statuses.get(text(container, "name"), {})]
        ),
    )
