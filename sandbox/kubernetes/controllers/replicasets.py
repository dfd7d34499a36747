"""Keeps the number of a ReplicaSet's (or ReplicationController's) pods. Imports manager, podset, kinds."""

from collections.abc import Iterable

from sandbox.core.store import Change, Key
from sandbox.core.wire import Object, sublist, submap
from sandbox.kubernetes.controllers.manager import Controller, owner_keys
from sandbox.kubernetes.controllers.podset import (
    active_pods,
    available_in,
    is_ready,
    new_pod,
    removal_order,
)
from sandbox.kubernetes.deletes import DeleteOptions
from sandbox.kubernetes.kinds import POD, REPLICA_SET, by_id

KINDS = (REPLICA_SET.id, "replicationcontrollers")


class ReplicaSetController(Controller):
    """Creates what is missing, deletes what is too much, counts what there is."""

    def concerned(self, change: Change) -> Iterable[Key]:
        """ReplicaSets, and the owners of pods."""
        if change.key.kind in KINDS:
            return (change.key,)
        if change.key.kind == POD.id:
            return {key for kind_id in KINDS for key in owner_keys(change, kind_id)}
        return ()

    def reconcile(self, key: Key) -> None:
        """Takes one step for one set."""
        kind = by_id(key.kind)
        owner = self.cluster.store.get(key)
        if owner is None:
            return
        pods = active_pods(self.cluster, owner)
        wanted = submap(owner, "spec").get("replicas", 1)
        if not owner["metadata"].get("deletionTimestamp"):
            for _ in range(wanted - len(pods)):
                self.cluster.create(POD, new_pod(kind, owner, submap(owner, "spec", "template")))
            for pod in removal_order(pods)[: max(len(pods) - wanted, 0)]:
                self.context.deleter.delete(POD, pod, DeleteOptions())
            pods = active_pods(self.cluster, owner)
        self.cluster.set_status(kind, owner, self._status(key, owner, pods))

    def _status(self, key: Key, owner: Object, pods: list[Object]) -> Object:
        minimum = submap(owner, "spec").get("minReadySeconds", 0)
        waits = [available_in(self.context, pod, minimum) for pod in pods if is_ready(pod)]
        for wait in {wait for wait in waits if wait > 0}:
            self.after(wait, key)
        counts = {
            "fullyLabeledReplicas": len(pods),
            "readyReplicas": len(waits),
            "availableReplicas": sum(wait <= 0 for wait in waits),
        }
        status: Object = {"replicas": len(pods)}
        status.update({name: count for name, count in counts.items() if count})
        status["observedGeneration"] = owner["metadata"].get("generation", 1)
        if sublist(owner, "status", "conditions"):
            status["conditions"] = owner["status"]["conditions"]
        return status
