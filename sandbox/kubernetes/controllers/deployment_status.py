"""A Deployment's status and conditions. Imports rollout, podset and core.wire."""

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.core.wire import Object, sublist, submap, timestamp
from sandbox.kubernetes.controllers.rollout import limits, wanted


@dataclass(frozen=True, slots=True)
class Progress:
    """The Progressing condition to show."""

    status: str
    reason: str
    message: str


def counts_of(deployment: Object, new: Object | None, every: Sequence[Object]) -> Object:
    """The status without conditions; zero counts are left out, as Go does."""
    total = sum(submap(item, "status").get("replicas", 0) for item in every)
    available = sum(submap(item, "status").get("availableReplicas", 0) for item in every)
    counts: Object = {
        "replicas": total,
        "updatedReplicas": 0 if new is None else submap(new, "status").get("replicas", 0),
        "readyReplicas": sum(submap(item, "status").get("readyReplicas", 0) for item in every),
        "availableReplicas": available,
        "unavailableReplicas": max(sum(submap(item, "spec").get("replicas", 0) for item in every) - available, 0),
    }
    status: Object = {"observedGeneration": deployment["metadata"]["generation"]}
    status.update({name: count for name, count in counts.items() if count})
    collisions = submap(deployment, "status").get("collisionCount")
    if collisions:
        status["collisionCount"] = collisions
    return status


def complete(deployment: Object, counts: Object) -> bool:
    """Whether every asked replica is updated and available, and nothing else is left."""
    replicas = wanted(deployment)
    return all(counts.get(name, 0) == replicas for name in ("replicas", "updatedReplicas", "availableReplicas"))


def progressing(deployment: Object, counts: Object) -> bool:
    """Whether the counts moved forward since the last status."""
    before = submap(deployment, "status")
    old_left = before.get("replicas", 0) - before.get("updatedReplicas", 0)
    left = counts.get("replicas", 0) - counts.get("updatedReplicas", 0)
    forward = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return left < old_left or any(counts.get(name, 0) > before.get(name, 0) for name in forward)


def availability(deployment: Object, counts: Object) -> Progress:
    """The Available condition."""
    minimum = wanted(deployment) - limits(deployment)[1]
    if counts.get("availableReplicas", 0) >= minimum:
        return Progress("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    return Progress("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")


def with_condition(deployment: Object, name: str, wish: Progress, *, touch: bool) -> Object:
    """The condition to write; `touch` renews its update time though nothing else changed."""
    for old in sublist(deployment, "status", "conditions"):
        if old["type"] != name:
            continue
        same = (old["status"], old["reason"]) == (wish.status, wish.reason)
        if same and not touch and old["message"] == wish.message:
            return old
        since = old["lastTransitionTime"] if old["status"] == wish.status else timestamp()
        return _condition(name, wish, since)
    return _condition(name, wish, timestamp())


def condition_of(deployment: Object, name: str) -> Object:
    """A condition by type; an empty object when there is none."""
    found: list[Object] = [item for item in sublist(deployment, "status", "conditions") if item["type"] == name]
    return found[0] if found else {}


def _condition(name: str, wish: Progress, since: str) -> Object:
    return {
        "type": name,
        "status": wish.status,
        "lastUpdateTime": timestamp(),
        "lastTransitionTime": since,
        "reason": wish.reason,
        "message": wish.message,
    }
