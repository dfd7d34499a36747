"""Moves Deployments: ReplicaSets per template, surge and unavailability, history, pause, progress deadline.

Imports manager, rollout, revisions, deployment_status and kinds.
"""

from collections.abc import Iterable, Sequence

from sandbox.core.store import Change, ChangeType, Key
from sandbox.core.wire import Object, submap
from sandbox.kubernetes.cluster import controller_of
from sandbox.kubernetes.controllers.deployment_status import (
    Progress,
    availability,
    complete,
    condition_of,
    counts_of,
    progressing,
    with_condition,
)
from sandbox.kubernetes.controllers.manager import Context, Controller, owner_keys
from sandbox.kubernetes.controllers.podset import owner_reference
from sandbox.kubernetes.controllers.revisions import (
    REVISION,
    new_replica_set,
    next_revision,
    reannotate,
    revision_of,
    sizes,
    split,
)
from sandbox.kubernetes.controllers.rollout import (
    Scales,
    is_rescale,
    new_size,
    rescale,
    roll,
    size,
)
from sandbox.kubernetes.deletes import DeleteOptions
from sandbox.kubernetes.kinds import DEPLOYMENT, POD, REPLICA_SET
from sandbox.kubernetes.names import template_hash
from sandbox.kubernetes.selectors import selects


class DeploymentController(Controller):
    """One Deployment at a time."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._progressed: dict[str, int] = {}

    def concerned(self, change: Change) -> Iterable[Key]:
        """Deployments, and the owners of ReplicaSets; a Recreate also waits for the end of pods."""
        if change.key.kind == DEPLOYMENT.id:
            return (change.key,)
        if change.key.kind == REPLICA_SET.id:
            return owner_keys(change, DEPLOYMENT.id)
        if change.key.kind == POD.id and change.type is ChangeType.DELETED:
            return self._deployments_of_pod(change)
        return ()

    def reconcile(self, key: Key) -> None:
        """Takes one step of a rollout and writes the status."""
        deployment = self.cluster.store.get(key)
        if deployment is None:
            return
        every = self._replica_sets(deployment)
        if deployment["metadata"].get("deletionTimestamp"):
            new, _ = split(deployment, every)
            self._write_status(key, deployment, new, every)
            return
        new, olds = split(deployment, every)
        paused = submap(deployment, "spec").get("paused", False)
        if not paused:
            new = self._current(deployment, new, olds)
            deployment = self.cluster.get(DEPLOYMENT, key.scope, key.name)
        every = [*olds, *([new] if new is not None else [])]
        self._scale(deployment, every, self._step(deployment, new, olds, paused=paused))
        every = self._replica_sets(deployment)
        new, olds = split(deployment, every)
        done = self._write_status(key, deployment, new, every)
        if done or paused:
            self._prune(deployment, olds)

    def _replica_sets(self, deployment: Object) -> list[Object]:
        uid = deployment["metadata"]["uid"]
        for orphan in self.cluster.orphans(REPLICA_SET, deployment["metadata"]["namespace"]):
            if _matches(deployment, orphan):
                self._adopt(deployment, orphan)
        return self.cluster.owned(uid, REPLICA_SET)

    def _adopt(self, deployment: Object, orphan: Object) -> None:
        def change(value: Object) -> None:
            value["metadata"]["ownerReferences"] = [owner_reference(DEPLOYMENT, deployment)]

        self.cluster.modify(REPLICA_SET, orphan, change)

    def _current(self, deployment: Object, new: Object | None, olds: Sequence[Object]) -> Object | None:
        """The ReplicaSet of the template, made or given the next revision; None while Recreate waits."""
        revision = next_revision(olds)
        if new is None:
            if self._waits_to_recreate(deployment, olds):
                return None
            new = self._create(deployment, olds, revision)
        else:
            new = self.cluster.modify(REPLICA_SET, new, lambda item: reannotate(deployment, item, revision))
        number = str(revision_of(new))

        def change(value: Object) -> None:
            value["metadata"].setdefault("annotations", {})[REVISION] = number

        self.cluster.modify(DEPLOYMENT, deployment, change)
        return new

    def _deployments_of_pod(self, change: Change) -> list[Key]:
        sets = (self.cluster.store.get(key) for key in owner_keys(change, REPLICA_SET.id))
        return [
            Key(DEPLOYMENT.id, change.key.scope, owner["name"])
            for found in sets
            if found is not None and (owner := controller_of(found)) is not None
        ]

    def _waits_to_recreate(self, deployment: Object, olds: Sequence[Object]) -> bool:
        if submap(deployment, "spec", "strategy").get("type") != "Recreate":
            return False
        return any(size(item) or self.cluster.owned(item["metadata"]["uid"], POD) for item in olds)

    def _create(self, deployment: Object, olds: Sequence[Object], revision: int) -> Object:
        replicas = new_size(deployment, None, olds)
        namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
        collisions = 0
        template = submap(deployment, "spec", "template")
        while self.cluster.find(REPLICA_SET, namespace, f"{name}-{template_hash(template, collisions)}"):
            collisions += 1
        new = self.cluster.create(REPLICA_SET, new_replica_set(deployment, replicas, revision, collisions))
        self._progressed[deployment["metadata"]["uid"]] = self.context.now
        text = f"Scaled up replica set {new['metadata']['name']} from 0 to {replicas}"
        self.cluster.event(DEPLOYMENT, deployment, "Normal", "ScalingReplicaSet", text)
        return new

    def _step(self, deployment: Object, new: Object | None, olds: Sequence[Object], *, paused: bool) -> Scales:
        every = [*olds, *([new] if new is not None else [])]
        if paused or is_rescale(deployment, every):
            return rescale(deployment, new, olds)
        if new is None or self._waits_to_recreate(deployment, olds):
            return {item["metadata"]["name"]: 0 for item in olds if size(item)}
        return roll(deployment, new, olds)

    def _scale(self, deployment: Object, every: Sequence[Object], scales: Scales) -> None:
        for item in every:
            before = size(item)
            target = scales.get(item["metadata"]["name"], before)

            def change(value: Object, target: int = target) -> None:
                value["spec"]["replicas"] = target
                if target:
                    value["metadata"].setdefault("annotations", {}).update(sizes(deployment))

            written = self.cluster.modify(REPLICA_SET, item, change)
            if target != before:
                word = "up" if target > before else "down"
                text = f"Scaled {word} replica set {written['metadata']['name']} from {before} to {target}"
                self.cluster.event(DEPLOYMENT, deployment, "Normal", "ScalingReplicaSet", text)

    def _write_status(self, key: Key, deployment: Object, new: Object | None, every: Sequence[Object]) -> bool:
        counts = counts_of(deployment, new, every)
        done = complete(deployment, counts)
        moved = progressing(deployment, counts)
        uid = deployment["metadata"]["uid"]
        if moved or uid not in self._progressed or self._reopened(deployment, done):
            self._progressed[uid] = self.context.now
        progress = self._progress(key, deployment, new, done=done, moved=moved)
        conditions = [with_condition(deployment, "Available", availability(deployment, counts), touch=False)]
        if progress is not None:
            conditions.append(with_condition(deployment, "Progressing", progress, touch=moved and not done))
        self.cluster.set_status(DEPLOYMENT, deployment, {**counts, "conditions": conditions})
        return done

    def _reopened(self, deployment: Object, done: bool) -> bool:
        """A finished rollout that began again, or was told to go on, gets a new deadline."""
        reason = condition_of(deployment, "Progressing").get("reason")
        if reason == "DeploymentPaused":
            return True
        observed = submap(deployment, "status").get("observedGeneration")
        return not done and observed != deployment["metadata"]["generation"]

    def _progress(
        self, key: Key, deployment: Object, new: Object | None, *, done: bool, moved: bool
    ) -> Progress | None:
        spec = submap(deployment, "spec")
        name = f'ReplicaSet "{new["metadata"]["name"]}"' if new is not None else "Deployment"
        if spec.get("paused"):
            return Progress("Unknown", "DeploymentPaused", "Deployment is paused")
        if done:
            return Progress("True", "NewReplicaSetAvailable", f"{name} has successfully progressed.")
        deadline = spec.get("progressDeadlineSeconds", 600)
        left = self._progressed[deployment["metadata"]["uid"]] + deadline - self.context.now
        if left <= 0:
            return Progress("False", "ProgressDeadlineExceeded", f"{name} has timed out progressing.")
        self.after(left, key)
        before = condition_of(deployment, "Progressing")
        if not before or moved:
            reason = "ReplicaSetUpdated" if before else "NewReplicaSetCreated"
            return Progress("True", reason, f"{name} is progressing.")
        return Progress("True", "ReplicaSetUpdated", f"{name} is progressing.")

    def _prune(self, deployment: Object, olds: Sequence[Object]) -> None:
        limit = submap(deployment, "spec").get("revisionHistoryLimit", 10)
        idle = [item for item in olds if not size(item) and not submap(item, "status").get("replicas")]
        surplus = len(olds) - limit
        for item in sorted(idle, key=revision_of)[: max(surplus, 0)]:
            self.context.deleter.delete(REPLICA_SET, item, DeleteOptions(policy="Background"))


def _matches(deployment: Object, replica_set: Object) -> bool:
    return selects(submap(deployment, "spec", "selector"), submap(replica_set, "metadata", "labels"))
