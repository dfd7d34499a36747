"""Moves DaemonSets: one pod on every node, replaced within maxUnavailable. Imports manager, podset, history."""

from collections.abc import Iterable, Sequence

from sandbox.core.store import Change, Key
from sandbox.core.wire import Object, submap
from sandbox.kubernetes.controllers.history import Past, prune, record
from sandbox.kubernetes.controllers.manager import Controller, owner_keys
from sandbox.kubernetes.controllers.podset import (
    active_pods,
    available_in,
    is_active,
    is_available,
    is_ready,
    new_pod,
)
from sandbox.kubernetes.controllers.rollout import portion
from sandbox.kubernetes.deletes import DeleteOptions
from sandbox.kubernetes.kinds import DAEMON_SET, NODE, POD
from sandbox.kubernetes.names import REVISION_LABEL


class DaemonSetController(Controller):
    """One DaemonSet at a time."""

    def concerned(self, change: Change) -> Iterable[Key]:
        """DaemonSets, and the owners of pods."""
        if change.key.kind == DAEMON_SET.id:
            return (change.key,)
        return owner_keys(change, DAEMON_SET.id) if change.key.kind == POD.id else ()

    def reconcile(self, key: Key) -> None:
        """Takes one step and writes the status."""
        owner = self.cluster.store.get(key)
        if owner is None:
            return
        past = record(self.cluster, DAEMON_SET, owner)
        if not owner["metadata"].get("deletionTimestamp"):
            self._fill(owner, past)
            if submap(owner, "spec", "updateStrategy").get("type") == "RollingUpdate":
                self._replace(owner, past)
        pods = active_pods(self.cluster, owner)
        self._write_status(key, owner, pods, past)
        used = {pod["metadata"]["labels"].get(REVISION_LABEL, "") for pod in pods}
        prune(self.cluster, owner, {*used, past.name})

    def _nodes(self) -> list[str]:
        return [node["metadata"]["name"] for node in self.cluster.store.values(NODE.id, "")]

    def _fill(self, owner: Object, past: Past) -> None:
        pods = self.cluster.owned(owner["metadata"]["uid"], POD)
        for pod in pods:
            if not is_active(pod) and not pod["metadata"].get("deletionTimestamp"):
                self.context.deleter.delete(POD, pod, DeleteOptions(grace=0))
        taken = {submap(pod, "spec").get("nodeName") for pod in pods}
        for node in self._nodes():
            if node not in taken:
                pod = new_pod(DAEMON_SET, owner, past.template, labels={REVISION_LABEL: past.digest})
                pod["spec"]["nodeName"] = node
                self.cluster.create(POD, pod)

    def _replace(self, owner: Object, past: Past) -> None:
        pods = active_pods(self.cluster, owner)
        minimum = submap(owner, "spec").get("minReadySeconds", 0)
        old = [pod for pod in pods if pod["metadata"]["labels"].get(REVISION_LABEL) != past.digest]
        healthy = [pod for pod in old if is_available(self.context, pod, minimum)]
        for pod in old:
            if pod not in healthy:
                self.context.deleter.delete(POD, pod, DeleteOptions())
        available = sum(is_available(self.context, pod, minimum) for pod in pods)
        desired = len(self._nodes())
        rolling = submap(owner, "spec", "updateStrategy", "rollingUpdate")
        budget = portion(rolling.get("maxUnavailable", 1), desired, up=True) - (desired - available)
        for pod in healthy[: max(budget, 0)]:
            self.context.deleter.delete(POD, pod, DeleteOptions())

    def _write_status(self, key: Key, owner: Object, pods: Sequence[Object], past: Past) -> None:
        minimum = submap(owner, "spec").get("minReadySeconds", 0)
        waits = [available_in(self.context, pod, minimum) for pod in pods if is_ready(pod)]
        for wait in {wait for wait in waits if wait > 0}:
            self.after(wait, key)
        desired = len(self._nodes())
        available = sum(wait <= 0 for wait in waits)
        updated = sum(pod["metadata"]["labels"].get(REVISION_LABEL) == past.digest for pod in pods)
        status: Object = {
            "currentNumberScheduled": len(pods),
            "numberMisscheduled": 0,
            "desiredNumberScheduled": desired,
            "numberReady": len(waits),
            "observedGeneration": owner["metadata"]["generation"],
        }
        counts = {
            "updatedNumberScheduled": updated,
            "numberAvailable": available,
            "numberUnavailable": desired - available,
        }
        status.update({name: count for name, count in counts.items() if count})
        self.cluster.set_status(DAEMON_SET, owner, status)
