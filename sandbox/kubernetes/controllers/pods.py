"""The kubelet's part: pods are scheduled, start, become ready, fail or end. Imports manager, podstatus, kinds."""

from collections.abc import Iterable

from sandbox.core.store import Change, ChangeType, Key
from sandbox.core.wire import Object, submap
from sandbox.kubernetes.controllers.manager import Context, Controller
from sandbox.kubernetes.controllers.podstatus import Stage, pod_ip, pod_status, stage_of
from sandbox.kubernetes.kinds import NODE, POD

RETRY_TICKS = 10


class PodController(Controller):
    """One pod at a time; its age in ticks decides its stage."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._born: dict[str, int] = {}
        self._stages: dict[str, Stage] = {}
        self._doomed: dict[str, int] = {}
        self._scheduled = 0

    def concerned(self, change: Change) -> Iterable[Key]:
        """Pods themselves; what is remembered of a pod goes with it."""
        if change.key.kind != POD.id:
            return ()
        if change.type is ChangeType.DELETED:
            self.forget(change.value["metadata"]["uid"])
            return ()
        return (change.key,)

    def reconcile(self, key: Key) -> None:
        """Schedules, ages or ends one pod."""
        pod = self.cluster.store.get(key)
        if pod is None:
            return
        uid = pod["metadata"]["uid"]
        if pod["metadata"].get("deletionTimestamp"):
            self._terminate(key, pod)
            return
        if uid not in self._born:
            self._born[uid] = self.context.now
        if not submap(pod, "spec").get("nodeName"):
            pod = self._schedule(pod)
        self._age(key, pod)

    def forget(self, uid: str) -> None:
        """Drops what is remembered of a pod that is gone."""
        for memory in (self._born, self._stages, self._doomed, self.context.ready_at):
            memory.pop(uid, None)

    def _terminate(self, key: Key, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        due = self._doomed.setdefault(uid, self.context.now + self.context.pace.terminate)
        if self.context.now < due:
            self.after(due - self.context.now, key)
        elif pod["metadata"].get("finalizers"):
            self.after(RETRY_TICKS, key)
        else:
            self.cluster.remove(POD, pod)

    def _schedule(self, pod: Object) -> Object:
        nodes = self.cluster.store.values(NODE.id, "")
        node = nodes[self._scheduled % len(nodes)]["metadata"]["name"] if nodes else "node-a"
        self._scheduled += 1

        def change(value: Object) -> None:
            value["spec"]["nodeName"] = node

        return self.cluster.modify(POD, pod, change)

    def _age(self, key: Key, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        age = self.context.now - self._born[uid]
        stage, wait = stage_of(pod, self.cluster.images, age, self.context.pace)
        if wait:
            self.after(wait, key)
        if self._stages.get(uid) == stage:
            return
        self._stages[uid] = stage
        if stage is Stage.READY:
            self.context.ready_at[uid] = self.context.now
        else:
            self.context.ready_at.pop(uid, None)
        status = pod_status(pod, stage, self.cluster.images, pod_ip(uid))
        written = self.cluster.set_status(POD, pod, status)
        if stage is Stage.BACKOFF:
            text = "Back-off pulling image"
            images = ", ".join(f'"{item["image"]}"' for item in submap(pod, "spec")["containers"])
            self.cluster.event(POD, written, "Warning", "Failed", f"{text} {images}: ErrImagePull")
