"""Deployments, StatefulSets and DaemonSets: what they select, how many they want, how far their rollout is. Pure.

The rules of `standing` are those of `kubectl rollout status`, which users compare us with.
"""

from __future__ import annotations

from dataclasses import dataclass

from providers.tree import Tree, at, number, text, texts, tree, trees


@dataclass(frozen=True)
class Standing:
    """How far a rollout is. `failure` is set where it cannot finish by itself."""

    done: bool
    message: str
    ready: int
    desired: int
    failure: str | None = None


def selector(workload: Tree) -> str:
    """The workload's own label selector, written for a query."""
    wanted = tree(workload, "spec", "selector")
    labels = [f"{key}={value}" for key, value in sorted(texts(wanted, "matchLabels").items())]
    return ",".join([*labels, *(_term(expression) for expression in trees(wanted, "matchExpressions"))])


def _term(expression: Tree) -> str:
    key = text(expression, "key") or ""
    values = at(expression, "values")
    listed = ",".join(str(value) for value in values) if isinstance(values, list) else ""
    match text(expression, "operator"):
        case "In":
            return f"{key} in ({listed})"
        case "NotIn":
            return f"{key} notin ({listed})"
        case "DoesNotExist":
            return f"!{key}"
        case _:
            return key


def desired(workload: Tree) -> int:
    """How many copies the workload wants to run."""
    if text(workload, "kind") == "DaemonSet":
        return number(workload, "status", "desiredNumberScheduled") or 0
    wanted = number(workload, "spec", "replicas")
    return 1 if wanted is None else wanted


def share_of(count: int, percentage: int) -> int:
    """So many per cent of a count of copies, rounded up."""
    return -(-count * percentage // 100)


def is_paused(workload: Tree) -> bool:
    return text(workload, "kind") == "Deployment" and at(workload, "spec", "paused") is True


def standing(workload: Tree) -> Standing:
    """How far the rollout of this live object is."""
    kind, name = text(workload, "kind") or "", text(workload, "metadata", "name") or ""
    wanted = desired(workload)
    if (number(workload, "status", "observedGeneration") or 0) < (number(workload, "metadata", "generation") or 0):
        return Standing(False, f"{kind}/{name}: waiting for the cluster to take it up", 0, wanted)
    match kind:
        case "Deployment":
            return _deployment(workload, name, wanted)
        case "StatefulSet":
            return _stateful_set(workload, name, wanted)
        case _:
            return _daemon_set(workload, name, wanted)


def _count(workload: Tree, field: str) -> int:
    return number(workload, "status", field) or 0


def _deployment(workload: Tree, name: str, wanted: int) -> Standing:
    title = f"Deployment/{name}"
    updated, all_copies = _count(workload, "updatedReplicas"), _count(workload, "replicas")
    available = _count(workload, "availableReplicas")
    if is_paused(workload):
        return Standing(True, f"{title}: paused, so nothing is rolled out", available, wanted)
    for condition in trees(workload, "status", "conditions"):
        if text(condition, "type") == "Progressing" and text(condition, "reason") == "ProgressDeadlineExceeded":
            said = text(condition, "message") or "the rollout exceeded its progress deadline"
            return Standing(False, f"{title}: no progress", updated, wanted, said)
    if updated < wanted:
        return Standing(False, f"{title}: {updated} of {wanted} updated", updated, wanted)
    if all_copies > updated:
        old = all_copies - updated
        return Standing(False, f"{title}: {updated} of {wanted} updated, {old} old still ending", updated, wanted)
    if available < updated:
        return Standing(False, f"{title}: {available} of {wanted} available", available, wanted)
    return Standing(True, f"{title}: {available} of {wanted} available", available, wanted)


def _stateful_set(workload: Tree, name: str, wanted: int) -> Standing:
    title = f"StatefulSet/{name}"
    ready = _count(workload, "readyReplicas")
    if text(workload, "spec", "updateStrategy", "type") == "OnDelete":
        message = f"{title}: its pods are replaced when somebody deletes them (OnDelete)"
        return Standing(True, message, ready, wanted)
    # Pods below the partition keep their revision, so that many are never updated.
    partition = number(workload, "spec", "updateStrategy", "rollingUpdate", "partition") or 0
    updated, due = _count(workload, "updatedReplicas"), max(0, wanted - partition)
    current, latest = text(workload, "status", "currentRevision"), text(workload, "status", "updateRevision")
    moving = current != latest
    if moving and (updated < due or partition == 0):
        return Standing(False, f"{title}: {updated} of {due} updated", updated, due)
    ending = _count(workload, "replicas") - wanted
    if ready < wanted or ending > 0:
        still = f", {ending} still ending" if ending > 0 else ""
        return Standing(False, f"{title}: {ready} of {wanted} ready{still}", ready, wanted)
    return Standing(True, f"{title}: {ready} of {wanted} ready", ready, wanted)


def _daemon_set(workload: Tree, name: str, wanted: int) -> Standing:
    title = f"DaemonSet/{name}"
    available = _count(workload, "numberAvailable")
    if text(workload, "spec", "updateStrategy", "type") == "OnDelete":
        message = f"{title}: its pods are replaced when somebody deletes them (OnDelete)"
        return Standing(True, message, available, wanted)
    updated = _count(workload, "updatedNumberScheduled")
    if updated < wanted:
        return Standing(False, f"{title}: {updated} of {wanted} updated", updated, wanted)
    if available < wanted:
        return Standing(False, f"{title}: {available} of {wanted} available", available, wanted)
    return Standing(True, f"{title}: {available} of {wanted} available", available, wanted)


def waiting_reasons(pods: tuple[Tree, ...], most: int = 3) -> str:
    """Why pods don't get ready, as they say themselves: `web-1: ImagePullBackOff (...)`; empty if none says."""
    said: list[str] = []
    for pod in pods:
        reason = pod_reason(pod)
        if reason is not None:
            said.append(f"{text(pod, 'metadata', 'name')}: {reason}")
    more = f" and {len(said) - most} more" if len(said) > most else ""
    return "; ".join(said[:most]) + more


def pod_reason(pod: Tree) -> str | None:
    """What holds a pod up, where it says so."""
    for field in ("initContainerStatuses", "containerStatuses"):
        for status in trees(pod, "status", field):
            waiting = tree(status, "state", "waiting")
            reason = text(waiting, "reason")
            if reason not in (None, "ContainerCreating", "PodInitializing"):
                message = text(waiting, "message")
                return f"{reason} ({message[:200]})" if message else reason
    for condition in trees(pod, "status", "conditions"):
        if text(condition, "reason") == "Unschedulable":
            return f"Unschedulable ({(text(condition, 'message') or '')[:200]})"
    return None
