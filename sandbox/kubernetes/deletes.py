"""Deletion with grace, finalizers, propagation and preconditions. Imports cluster, errors, kinds and core.wire."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sandbox.core.wire import Object, clone, submap, timestamp
from sandbox.kubernetes.cluster import Cluster, key_for
from sandbox.kubernetes.errors import ApiError, modified
from sandbox.kubernetes.kinds import JOB, NAMESPACE, POD, Kind

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
POLICIES = {"Foreground": FOREGROUND, "Orphan": ORPHAN, "Background": ""}


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """What a DELETE asks for; `policy` is Foreground, Background, Orphan or empty for the kind's default."""

    policy: str = ""
    grace: int | None = None
    uid: str = ""
    revision: str = ""
    dry_run: bool = False


class Deleter:
    """Deletes as clients ask, and as the garbage collector does."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def delete(self, kind: Kind, value: Object, options: DeleteOptions) -> Object:
        """A Status when the object is gone at once, else the object on its way out. Raises ApiError 400 or 409."""
        _check(kind, value, options)
        if options.policy and options.policy not in POLICIES:
            raise ApiError(400, f"invalid propagation policy {options.policy!r}")
        pending = self._pending(kind, value, options)
        if options.dry_run:
            return _success(kind, value) if pending is None else pending
        if pending is None:
            self._cluster.store.delete(key_for(kind, value))
            return _success(kind, value)
        if pending == value:
            return value
        return self._cluster.commit(kind, value, pending)

    def delete_all(self, kind: Kind, values: Sequence[Object], options: DeleteOptions) -> None:
        """Deletes each that is still there."""
        for value in values:
            current = self._cluster.store.get(key_for(kind, value))
            if current is not None:
                self.delete(kind, current, options)

    def _pending(self, kind: Kind, value: Object, options: DeleteOptions) -> Object | None:
        """The object as it waits for its end; None when nothing holds it."""
        if kind == POD:
            return _pending_pod(value, options)
        finalizers = [name for name in value["metadata"].get("finalizers", []) if name not in {FOREGROUND, ORPHAN}]
        policy = options.policy or ("Orphan" if kind == JOB else "Background")
        if POLICIES[policy]:
            finalizers.append(POLICIES[policy])
        if not finalizers and kind != NAMESPACE:
            return None
        pending = clone(value)
        metadata = pending["metadata"]
        if finalizers:
            metadata["finalizers"] = finalizers
        else:
            metadata.pop("finalizers", None)
        _mark(kind, metadata, 0)
        if kind == NAMESPACE:
            pending.setdefault("status", {})["phase"] = "Terminating"
        return pending


def _pending_pod(value: Object, options: DeleteOptions) -> Object | None:
    spec = submap(value, "spec")
    grace = options.grace if options.grace is not None else spec.get("terminationGracePeriodSeconds", 30)
    phase = submap(value, "status").get("phase")
    unscheduled = not spec.get("nodeName")
    if (grace == 0 or unscheduled or phase in {"Succeeded", "Failed"}) and not value["metadata"].get("finalizers"):
        return None
    current = value["metadata"].get("deletionGracePeriodSeconds")
    if current is not None and current <= grace:
        return value
    pending = clone(value)
    _mark(POD, pending["metadata"], grace)
    return pending


def _mark(kind: Kind, metadata: Object, grace: int) -> None:
    if "deletionTimestamp" not in metadata:
        when = datetime.now(UTC) + timedelta(seconds=grace)
        metadata["deletionTimestamp"] = when.strftime("%Y-%m-%dT%H:%M:%SZ") if grace else timestamp()
        if kind.generation:
            metadata["generation"] = metadata.get("generation", 0) + 1
    metadata["deletionGracePeriodSeconds"] = grace


def _check(kind: Kind, value: Object, options: DeleteOptions) -> None:
    metadata = value["metadata"]
    if options.uid and options.uid != metadata["uid"]:
        why = f"Precondition failed: UID in precondition: {options.uid}, UID in object meta: {metadata['uid']}"
        raise modified(kind, metadata["name"], why)
    if options.revision and options.revision != metadata["resourceVersion"]:
        why = (
            f"Precondition failed: ResourceVersion in precondition: {options.revision}, "
            f"ResourceVersion in object meta: {metadata['resourceVersion']}"
        )
        raise modified(kind, metadata["name"], why)


def _success(kind: Kind, value: Object) -> Object:
    details: Object = {"name": value["metadata"]["name"], "kind": kind.plural, "uid": value["metadata"]["uid"]}
    if kind.group:
        details["group"] = kind.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
