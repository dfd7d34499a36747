"""Moves StatefulSets: one pod after the other, from the highest ordinal down to the partition.

As on a real cluster, an ordered set whose pod never becomes ready stays stuck even when its template is put
back, until that pod is deleted. Imports manager, podset, history and kinds.
"""

from collections.abc import Iterable

from sandbox.core.store import Change, Key
from sandbox.core.wire import Object, clone, sublist, submap
from sandbox.kubernetes.controllers.history import Past, prune, record, revisions
from sandbox.kubernetes.controllers.manager import Controller, owner_keys
from sandbox.kubernetes.controllers.podset import available_in, is_available, is_ready, new_pod
from sandbox.kubernetes.deletes import DeleteOptions
from sandbox.kubernetes.kinds import CLAIM, POD, STATEFUL_SET
from sandbox.kubernetes.names import REVISION_LABEL

Pods = dict[int, Object]


class StatefulSetController(Controller):
    """One StatefulSet at a time."""

    def concerned(self, change: Change) -> Iterable[Key]:
        """StatefulSets, and the owners of pods."""
        if change.key.kind == STATEFUL_SET.id:
            return (change.key,)
        return owner_keys(change, STATEFUL_SET.id) if change.key.kind == POD.id else ()

    def reconcile(self, key: Key) -> None:
        """Takes one step and writes the status."""
        owner = self.cluster.store.get(key)
        if owner is None:
            return
        update = record(self.cluster, STATEFUL_SET, owner)
        current = self._current(owner, update)
        if not owner["metadata"].get("deletionTimestamp"):
            self._step(owner, current, update)
        pods = self._pods(owner)
        self._watch_availability(key, owner, pods)
        written = self._write_status(owner, pods, current, update)
        used = {pod["metadata"]["labels"].get(REVISION_LABEL, "") for pod in pods.values()}
        prune(self.cluster, owner, {*used, update.name, submap(written, "status")["currentRevision"]})

    def _current(self, owner: Object, update: Past) -> Past:
        name = submap(owner, "status").get("currentRevision")
        return next((past for past in revisions(self.cluster, owner) if past.name == name), update)

    def _pods(self, owner: Object) -> Pods:
        return {_ordinal(pod): pod for pod in self.cluster.owned(owner["metadata"]["uid"], POD)}

    def _step(self, owner: Object, current: Past, update: Past) -> None:
        spec = submap(owner, "spec")
        ordered = spec.get("podManagementPolicy") != "Parallel"
        pods = self._pods(owner)
        if not self._fill(owner, pods, current, update, ordered=ordered):
            return
        if not self._condemn(owner, pods, ordered=ordered):
            return
        if submap(spec, "updateStrategy").get("type") == "RollingUpdate":
            self._update(owner, update)

    def _fill(self, owner: Object, pods: Pods, current: Past, update: Past, *, ordered: bool) -> bool:
        """Creates missing pods; whether the step may go on."""
        minimum = submap(owner, "spec").get("minReadySeconds", 0)
        for ordinal in range(submap(owner, "spec").get("replicas", 1)):
            pod = pods.get(ordinal)
            if pod is None:
                chosen = current if ordinal < _partition(owner) else update
                self._create(owner, ordinal, chosen)
            elif submap(pod, "status").get("phase") in {"Failed", "Succeeded"}:
                self.context.deleter.delete(POD, pod, DeleteOptions(grace=0))
            elif not _terminating(pod) and is_available(self.context, pod, minimum):
                continue
            if ordered:
                return False
        return True

    def _condemn(self, owner: Object, pods: Pods, *, ordered: bool) -> bool:
        """Deletes surplus pods from the highest; whether the step may go on."""
        replicas = submap(owner, "spec").get("replicas", 1)
        for ordinal in sorted(pods, reverse=True):
            if ordinal < replicas:
                break
            if not _terminating(pods[ordinal]):
                self.context.deleter.delete(POD, pods[ordinal], DeleteOptions())
            if ordered:
                return False
        return True

    def _update(self, owner: Object, update: Past) -> None:
        pods = self._pods(owner)
        for ordinal in sorted(pods, reverse=True):
            if ordinal < _partition(owner):
                return
            pod = pods[ordinal]
            if _terminating(pod):
                return
            if pod["metadata"]["labels"].get(REVISION_LABEL) != update.name:
                self.context.deleter.delete(POD, pod, DeleteOptions())
                return
            if not is_ready(pod):
                return

    def _create(self, owner: Object, ordinal: int, past: Past) -> None:
        name = f"{owner['metadata']['name']}-{ordinal}"
        if self.cluster.find(POD, owner["metadata"]["namespace"], name) is not None:
            return
        labels = {
            REVISION_LABEL: past.name,
            "statefulset.kubernetes.io/pod-name": name,
            "apps.kubernetes.io/pod-index": str(ordinal),
        }
        pod = new_pod(STATEFUL_SET, owner, past.template, name=name, labels=labels)
        pod["spec"]["hostname"] = name
        pod["spec"]["subdomain"] = submap(owner, "spec").get("serviceName", "")
        for claim in sublist(owner, "spec", "volumeClaimTemplates"):
            self._claim(owner, claim, name, pod)
        self.cluster.create(POD, pod)

    def _claim(self, owner: Object, template: Object, pod_name: str, pod: Object) -> None:
        volume = template["metadata"]["name"]
        name = f"{volume}-{pod_name}"
        namespace = owner["metadata"]["namespace"]
        others = [item for item in sublist(pod, "spec", "volumes") if item["name"] != volume]
        pod["spec"]["volumes"] = [
            *others,
            {"name": volume, "persistentVolumeClaim": {"claimName": name}},
        ]
        if self.cluster.find(CLAIM, namespace, name) is None:
            labels = dict(submap(owner, "spec", "selector", "matchLabels"))
            metadata = {"name": name, "namespace": namespace, "labels": labels}
            spec = clone(submap(template, "spec"))
            self.cluster.create(CLAIM, {"metadata": metadata, "spec": spec, "status": {"phase": "Pending"}})

    def _watch_availability(self, key: Key, owner: Object, pods: Pods) -> None:
        minimum = submap(owner, "spec").get("minReadySeconds", 0)
        waits = [available_in(self.context, pod, minimum) for pod in pods.values() if is_ready(pod)]
        for wait in {wait for wait in waits if wait > 0}:
            self.after(wait, key)

    def _write_status(self, owner: Object, pods: Pods, current: Past, update: Past) -> Object:
        spec = submap(owner, "spec")
        replicas, minimum = spec.get("replicas", 1), spec.get("minReadySeconds", 0)
        living = [pod for pod in pods.values() if not _terminating(pod)]
        ready = sum(is_ready(pod) for pod in living)
        updated = _count(living, update)
        rolling = submap(spec, "updateStrategy").get("type") == "RollingUpdate"
        if rolling and updated == ready == replicas == len(pods):
            current = update
        counts = {
            "readyReplicas": ready,
            "currentReplicas": _count(living, current),
            "updatedReplicas": updated,
        }
        status: Object = {"observedGeneration": owner["metadata"]["generation"], "replicas": len(pods)}
        status.update({name: count for name, count in counts.items() if count})
        status["availableReplicas"] = sum(is_available(self.context, pod, minimum) for pod in living)
        status.update(currentRevision=current.name, updateRevision=update.name, collisionCount=0)
        return self.cluster.set_status(STATEFUL_SET, owner, status)


def _partition(owner: Object) -> int:
    return submap(owner, "spec", "updateStrategy", "rollingUpdate").get("partition", 0)


def _ordinal(pod: Object) -> int:
    return int(pod["metadata"]["name"].rsplit("-", 1)[1])


def _terminating(pod: Object) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def _count(pods: Iterable[Object], past: Past) -> int:
    return sum(submap(pod, "metadata", "labels").get(REVISION_LABEL) == past.name for pod in pods)
