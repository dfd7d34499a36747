"""What controllers of pods share: which pods count, which go first, how one is made. Imports cluster, manager."""

from sandbox.core.wire import Object, clone, sublist, submap
from sandbox.kubernetes.cluster import Cluster
from sandbox.kubernetes.controllers.manager import Context
from sandbox.kubernetes.kinds import POD, Kind


def owner_reference(kind: Kind, owner: Object) -> Object:
    """The reference that makes `owner` the controller."""
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def active_pods(cluster: Cluster, owner: Object) -> list[Object]:
    """The owner's pods that neither end nor have ended."""
    return [pod for pod in cluster.owned(owner["metadata"]["uid"], POD) if is_active(pod)]


def is_active(pod: Object) -> bool:
    """Whether a pod counts for its owner."""
    ended = submap(pod, "status").get("phase") in {"Succeeded", "Failed"}
    return not ended and not pod["metadata"].get("deletionTimestamp")


def is_ready(pod: Object) -> bool:
    """Whether the Ready condition holds."""
    return any(
        condition.get("type") == "Ready" and condition.get("status") == "True"
        for condition in sublist(pod, "status", "conditions")
    )


def available_in(context: Context, pod: Object, minimum: int) -> int:
    """Ticks until a ready pod has been ready for `minimum` seconds; 0 or less: it is available."""
    since = context.ready_at.get(pod["metadata"]["uid"], context.now)
    return since + minimum - context.now


def is_available(context: Context, pod: Object, minimum: int) -> bool:
    """Whether a pod has been ready for long enough."""
    return is_ready(pod) and available_in(context, pod, minimum) <= 0


def removal_order(pods: list[Object]) -> list[Object]:
    """Unready pods first, then the newest."""
    newest = sorted(pods, key=lambda pod: int(pod["metadata"]["resourceVersion"]), reverse=True)
    newest.sort(key=lambda pod: pod["metadata"]["creationTimestamp"], reverse=True)
    return sorted(newest, key=is_ready)


def new_pod(
    kind: Kind, owner: Object, template: Object, *, name: str = "", labels: Object | None = None
) -> Object:
    """A pod of a template, owned; with a generated name unless one is given."""
    source = submap(template, "metadata")
    metadata: Object = {"namespace": owner["metadata"]["namespace"]}
    if name:
        metadata["name"] = name
    else:
        metadata["generateName"] = f"{owner['metadata']['name']}-"
    metadata["labels"] = {**submap(source, "labels"), **(labels or {})}
    if source.get("annotations"):
        metadata["annotations"] = dict(source["annotations"])
    if source.get("finalizers"):
        metadata["finalizers"] = list(source["finalizers"])
    metadata["ownerReferences"] = [owner_reference(kind, owner)]
    return {
        "metadata": metadata,
        "spec": clone(submap(template, "spec")),
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    }
