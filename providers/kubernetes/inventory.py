"""What runs of a workload: its revisions on the cluster, its pods, and which revision each pod has.

A revision is found by comparing pod templates, as the Deployment controller itself does, so that it is known for a
state of the past as well as for the live one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from providers.images import artifact_of, main_container
from providers.kubernetes.cluster import Cluster
from providers.kubernetes.discovery import CONTROLLER_REVISION, POD, REPLICA_SET
from providers.kubernetes.images import running_digest
from providers.kubernetes.objects import NUMBER_ANNOTATION, POD_HASH, Ref, annotation, containers, label, template
from providers.kubernetes.workloads import desired, selector
from providers.tree import Tree, at, drop, text, tree, trees, without_nulls
from providers.values import Artifact, InstanceGroup

REVISION_HASH = "controller-revision-hash"
REVISION_NUMBER = "deployment.kubernetes.io/revision"


@dataclass(frozen=True)
class Inventory:
    """The revisions and pods that a workload owns, terminating and finished pods left out."""

    revisions: tuple[Tree, ...]
    pods: tuple[Tree, ...]


async def take(cluster: Cluster, ref: Ref, workload: Tree) -> Inventory:
    """Read the inventory of a live workload: two requests at once."""
    revisions, pods = await asyncio.gather(
        revisions_of(cluster, ref, workload), cluster.list(POD, ref.namespace or "", selector(workload))
    )
    owners = {text(found, "metadata", "uid") for found in (workload, *revisions)}
    return Inventory(revisions, tuple(pod for pod in pods if is_live(pod) and owner_uid(pod) in owners))


async def revisions_of(cluster: Cluster, ref: Ref, workload: Tree) -> tuple[Tree, ...]:
    """The ReplicaSets of a Deployment, the ControllerRevisions of the others."""
    kind = REPLICA_SET if ref.kind == "Deployment" else CONTROLLER_REVISION
    found = await cluster.list_if_served(kind, ref.namespace or "", selector(workload))
    uid = text(workload, "metadata", "uid")
    return tuple(revision for revision in found if owner_uid(revision) == uid)


def owner(found: Tree) -> Tree:
    """The reference to what manages an object; an empty tree if nothing does."""
    for reference in trees(found, "metadata", "ownerReferences"):
        if at(reference, "controller") is True:
            return reference
    return {}


def owner_uid(found: Tree) -> str | None:
    return text(owner(found), "uid")


def is_live(pod: Tree) -> bool:
    """Whether a pod counts: not on its way out, not finished."""
    finished = text(pod, "status", "phase") in {"Succeeded", "Failed"}
    return not finished and text(pod, "metadata", "deletionTimestamp") is None


def is_ready(pod: Tree) -> bool:
    conditions = trees(pod, "status", "conditions")
    return any(text(item, "type") == "Ready" and text(item, "status") == "True" for item in conditions)


def pod_revision(pod: Tree) -> str | None:
    return label(pod, POD_HASH) or label(pod, REVISION_HASH)


def revision_for(kind: str, pod_template: Tree, revisions: tuple[Tree, ...]) -> str | None:
    """The revision on the cluster whose template is this one; None if there is none (pruned, or never made)."""
    wanted = _comparable(pod_template)
    for revision in revisions:
        if kind == "Deployment":
            found = tree(revision, "spec", "template")
        else:
            found = tree(revision, "data", "spec", "template")
        if _comparable(found) == wanted:
            return _revision_name(kind, revision)
    return None


def current_revision(ref: Ref, workload: Tree, revisions: tuple[Tree, ...]) -> str | None:
    """The revision that a live workload is at: by template, or else as its controller says."""
    found = revision_for(ref.kind, template(workload), revisions)
    if found is not None:
        return found
    if ref.kind == "StatefulSet":
        return text(workload, "status", "updateRevision")
    if ref.kind == "Deployment":
        number = annotation(workload, REVISION_NUMBER)
        same = (item for item in revisions if number and annotation(item, REVISION_NUMBER) == number)
        return next((_revision_name(ref.kind, item) for item in same), None)
    return None


def _comparable(pod_template: Tree) -> Tree:
    cleaned = without_nulls(drop(drop(pod_template, "metadata", "labels", POD_HASH), "$patch"))
    return cleaned if isinstance(cleaned, dict) else {}


def _revision_name(kind: str, revision: Tree) -> str | None:
    match kind:
        case "Deployment":
            return label(revision, POD_HASH)
        case "DaemonSet":
            return label(revision, REVISION_HASH)
        case _:
            return text(revision, "metadata", "name")


def group_of(
    ref: Ref, state: Tree, inventory: Inventory, artifact: Artifact | None, *, autoscaled: bool
) -> InstanceGroup:
    """The group of a workload in a state of it: which revision, which digests, how many."""
    revision = revision_for(ref.kind, template(state), inventory.revisions)
    if revision is None:
        revision = current_revision(ref, state, inventory.revisions)
    container = main_container(containers(template(state)), artifact)
    name = text(container, "name")
    same = [pod for pod in inventory.pods if pod_revision(pod) == revision and is_ready(pod)]
    digests = sorted({found for pod in same if (found := running_digest(pod, name))})
    running = digests[0] if len(digests) == 1 else None
    return InstanceGroup(
        name=str(ref),
        artifact=artifact_of(text(container, "image") or "", running, annotation(state, NUMBER_ANNOTATION)),
        revision=revision,
        digests=tuple(digests),
        count=desired(state),
        autoscaled=autoscaled,
    )
