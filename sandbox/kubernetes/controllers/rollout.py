"""How a Deployment's ReplicaSets are scaled: pure decisions over what there is. Imports core.wire only.

The rules are those of the Deployment controller: never more than replicas + maxSurge pods, never fewer than
replicas - maxUnavailable available ones, unhealthy old pods first.
"""

import math
from collections.abc import Sequence

from sandbox.core.wire import Object, submap

DESIRED = "deployment.kubernetes.io/desired-replicas"

Scales = dict[str, int]
"""Wanted replicas by ReplicaSet name; only what changes."""


def wanted(deployment: Object) -> int:
    """The replicas asked for."""
    return submap(deployment, "spec").get("replicas", 1)


def size(replica_set: Object) -> int:
    """The replicas a ReplicaSet is asked for."""
    return submap(replica_set, "spec").get("replicas", 0)


def available(replica_set: Object) -> int:
    """The available replicas a ReplicaSet reports."""
    return submap(replica_set, "status").get("availableReplicas", 0)


def limits(deployment: Object) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in pods; at least one of them is above 0."""
    strategy = submap(deployment, "spec", "strategy")
    if strategy.get("type") == "Recreate":
        return 0, wanted(deployment)
    rolling = submap(strategy, "rollingUpdate")
    replicas = wanted(deployment)
    surge = portion(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = portion(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def portion(value: int | str, total: int, *, up: bool) -> int:
    """An absolute number, or a percentage of `total` rounded up or down."""
    if isinstance(value, int):
        return value
    exact = int(value.rstrip("%")) * total / 100
    return math.ceil(exact) if up else math.floor(exact)


def new_size(deployment: Object, new: Object | None, every: Sequence[Object]) -> int:
    """Replicas for the new ReplicaSet at this moment."""
    replicas = wanted(deployment)
    if submap(deployment, "spec", "strategy").get("type") == "Recreate":
        return replicas
    current = 0 if new is None else size(new)
    if current >= replicas:
        return replicas
    room = replicas + limits(deployment)[0] - sum(size(item) for item in every)
    return current + max(0, min(room, replicas - current))


def roll(deployment: Object, new: Object, olds: Sequence[Object]) -> Scales:
    """The next step of a rolling update: the new one up if there is room, else the old ones down."""
    target = new_size(deployment, new, [new, *olds])
    if target != size(new):
        return {new["metadata"]["name"]: target}
    return shrink(deployment, new, olds)


def shrink(deployment: Object, new: Object, olds: Sequence[Object]) -> Scales:
    """Scales old ReplicaSets down as far as availability allows."""
    minimum = wanted(deployment) - limits(deployment)[1]
    total = size(new) + sum(size(item) for item in olds)
    missing = size(new) - available(new)
    budget = total - minimum - missing
    scales: Scales = {}
    if budget <= 0:
        return scales
    for item in olds:
        unhealthy = min(budget, size(item) - available(item))
        if unhealthy > 0:
            scales[item["metadata"]["name"]] = size(item) - unhealthy
            budget -= unhealthy
    spare = available(new) + sum(available(item) for item in olds) - minimum
    for item in olds:
        name = item["metadata"]["name"]
        current = scales.get(name, size(item))
        healthy = min(max(spare, 0), current)
        if healthy:
            scales[name] = current - healthy
            spare -= healthy
    return scales


def rescale(deployment: Object, new: Object | None, olds: Sequence[Object]) -> Scales:
    """Sizes after the number of replicas changed or while paused: in proportion to what there is."""
    replicas = wanted(deployment)
    every = [*olds, *([new] if new is not None else [])]
    active = [item for item in every if size(item) > 0]
    if len(active) <= 1:
        only = active[0] if active else (new or (olds[-1] if olds else None))
        return {} if only is None or size(only) == replicas else {only["metadata"]["name"]: replicas}
    if new is not None and size(new) == replicas == available(new):
        return {item["metadata"]["name"]: 0 for item in olds if size(item)}
    allowed = replicas + limits(deployment)[0] if replicas else 0
    return _proportional(active, allowed)


def _proportional(active: Sequence[Object], allowed: int) -> Scales:
    total = sum(size(item) for item in active)
    sizes = {item["metadata"]["name"]: size(item) * allowed // total for item in active}
    left = allowed - sum(sizes.values())
    for item in sorted(active, key=size, reverse=True):
        if left <= 0:
            break
        sizes[item["metadata"]["name"]] += 1
        left -= 1
    before = {item["metadata"]["name"]: size(item) for item in active}
    return {name: count for name, count in sizes.items() if count != before[name]}


def is_rescale(deployment: Object, every: Sequence[Object]) -> bool:
    """Whether the number of replicas changed since the ReplicaSets were last scaled."""
    replicas = str(wanted(deployment))
    return any(
        size(item) > 0 and submap(item, "metadata", "annotations").get(DESIRED, replicas) != replicas
        for item in every
    )
