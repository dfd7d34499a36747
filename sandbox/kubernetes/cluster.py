"""The objects of the cluster, and the writes its own controllers make. Imports kinds, errors, images and core."""

import itertools
import uuid
from collections.abc import Callable

from sandbox.core.store import Change, Key, Store
from sandbox.core.wire import Object, clone, sublist, submap, timestamp, timestamp_micro
from sandbox.kubernetes.errors import not_found
from sandbox.kubernetes.images import Images
from sandbox.kubernetes.kinds import EVENT, Kind, by_id
from sandbox.kubernetes.names import random_suffix


def stamp(value: Object, revision: int) -> None:
    """Writes a revision into an object as Kubernetes does."""
    value["metadata"]["resourceVersion"] = str(revision)


def key_of(kind: Kind, namespace: str, name: str) -> Key:
    """The store's key; objects without a namespace have an empty scope."""
    return Key(kind.id, namespace if kind.namespaced else "", name)


def key_for(kind: Kind, value: Object) -> Key:
    """The store's key of an object."""
    metadata = value["metadata"]
    return key_of(kind, metadata.get("namespace", ""), metadata["name"])


def controller_of(value: Object) -> Object | None:
    """The owner reference that controls the object."""
    for owner in sublist(value, "metadata", "ownerReferences"):
        if owner.get("controller"):
            return owner
    return None


class Cluster:
    """Reads, children by owner, and writes without the checks that clients meet."""

    def __init__(self, images: Images) -> None:
        self.store = Store(stamp)
        self.images = images
        self._owned: dict[str, set[Key]] = {}
        self._orphans: dict[str, set[Key]] = {}
        self._event_numbers = itertools.count(1)
        self.store.on_change(self._index)

    def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object, not to be changed; None when there is none."""
        return self.store.get(key_of(kind, namespace, name))

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """As `find`. Raises ApiError 404."""
        found = self.find(kind, namespace, name)
        if found is None:
            raise not_found(kind, name)
        return found

    def owned(self, uid: str, kind: Kind | None = None) -> list[Object]:
        """What refers to the owner `uid`, oldest name first; of one kind if given."""
        keys = sorted(self._owned.get(uid, set()))
        return [
            value
            for key in keys
            if (kind is None or key.kind == kind.id) and (value := self.store.get(key)) is not None
        ]

    def owned_keys(self, uid: str) -> list[Key]:
        """Keys of what refers to the owner `uid`."""
        return sorted(self._owned.get(uid, set()))

    def orphans(self, kind: Kind, namespace: str) -> list[Object]:
        """The objects of a kind that refer to no owner."""
        keys = sorted(key for key in self._orphans.get(kind.id, set()) if key.scope == namespace)
        return [value for key in keys if (value := self.store.get(key)) is not None]

    def exists(self, uid: str, kind: Kind, namespace: str, name: str) -> bool:
        """Whether the object with this uid is still there."""
        found = self.find(kind, namespace, name)
        return found is not None and found["metadata"]["uid"] == uid

    def create(self, kind: Kind, value: Object) -> Object:
        """Stores a new object of a controller; the caller gives the value away."""
        metadata = value["metadata"]
        if "name" not in metadata:
            metadata["name"] = metadata["generateName"] + random_suffix()
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = timestamp()
        if kind.generation:
            metadata["generation"] = 1
        whole = {"apiVersion": kind.api_version, "kind": kind.kind, **value}
        return self.store.put(key_for(kind, value), whole)

    def modify(self, kind: Kind, value: Object, change: Callable[[Object], None]) -> Object:
        """Writes a changed copy of a stored object; nothing when nothing changed."""
        current = self.store.get(key_for(kind, value))
        if current is None:
            return value
        fresh = clone(current)
        change(fresh)
        if fresh == current:
            return current
        return self.commit(kind, current, fresh)

    def set_status(self, kind: Kind, value: Object, status: Object) -> Object:
        """Writes the status of a stored object; nothing when it is the same."""
        current = self.store.get(key_for(kind, value))
        if current is None or current.get("status") == status:
            return value if current is None else current
        return self.store.put(
            key_for(kind, value),
            {**current, "metadata": {**current["metadata"]}, "status": status},
        )

    def commit(self, kind: Kind, old: Object, new: Object) -> Object:
        """Stores a changed object, counts its generation, and ends it when its last finalizer went."""
        metadata = new["metadata"]
        if kind.generation and new.get("spec") != old.get("spec"):
            metadata["generation"] = old["metadata"].get("generation", 0) + 1
        key = key_for(kind, new)
        if metadata.get("deletionTimestamp") and self._may_end(kind, new):
            self.store.put(key, new)
            return self.store.delete(key)
        return self.store.put(key, new)

    def remove(self, kind: Kind, value: Object) -> None:
        """Removes an object at once, finalizers or not; nothing when it is gone."""
        key = key_for(kind, value)
        if self.store.get(key) is not None:
            self.store.delete(key)

    def event(self, kind: Kind, about: Object, event_type: str, reason: str, message: str) -> None:
        """Records an Event about an object."""
        metadata = about["metadata"]
        namespace = metadata.get("namespace", "default")
        now = timestamp()
        reference = {
            "kind": kind.kind,
            "namespace": namespace,
            "name": metadata["name"],
            "uid": metadata["uid"],
            "apiVersion": kind.api_version,
            "resourceVersion": metadata["resourceVersion"],
        }
        name = f"{metadata['name']}.{next(self._event_numbers):016x}"
        self.create(
            EVENT,
            {
                "metadata": {"name": name, "namespace": namespace},
                "involvedObject": reference,
                "reason": reason,
                "message": message,
                "source": {"component": "sandbox"},
                "firstTimestamp": now,
                "lastTimestamp": now,
                "eventTime": timestamp_micro(),
                "count": 1,
                "type": event_type,
                "reportingComponent": "sandbox",
                "reportingInstance": "",
            },
        )

    def _may_end(self, kind: Kind, value: Object) -> bool:
        if value["metadata"].get("finalizers"):
            return False
        if kind.id == "namespaces":
            return not submap(value, "spec").get("finalizers")
        return kind.id != "pods" or value["metadata"].get("deletionGracePeriodSeconds") == 0

    def _index(self, change: Change) -> None:
        before = _owners(change.previous)
        after = set[str]() if change.type == "DELETED" else _owners(change.value)
        orphans = self._orphans.setdefault(change.key.kind, set())
        if change.type == "DELETED" or after:
            orphans.discard(change.key)
        else:
            orphans.add(change.key)
        for uid in before - after:
            self._owned.get(uid, set()).discard(change.key)
        for uid in after - before:
            self._owned.setdefault(uid, set()).add(change.key)


def _owners(value: Object | None) -> set[str]:
    if value is None:
        return set()
    return {owner.get("uid", "") for owner in sublist(value, "metadata", "ownerReferences")}


def kind_of(key: Key) -> Kind:
    """The resource of a key."""
    return by_id(key.kind)
