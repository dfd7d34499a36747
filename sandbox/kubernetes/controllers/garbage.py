"""Garbage collection by owner references, and the end of namespaces. Imports manager, deletes, kinds."""

from collections.abc import Iterable

from sandbox.core.store import Change, ChangeType, Key
from sandbox.core.wire import Object, sublist, submap
from sandbox.kubernetes.cluster import kind_of
from sandbox.kubernetes.controllers.manager import Controller
from sandbox.kubernetes.deletes import FOREGROUND, ORPHAN, DeleteOptions
from sandbox.kubernetes.kinds import CONFIG_MAP, NAMESPACE, SERVICE_ACCOUNT, by_type


class GarbageCollector(Controller):
    """Deletes what lost its last owner, and finishes foreground and orphan deletions."""

    def concerned(self, change: Change) -> Iterable[Key]:
        """Objects with owners or with the collector's finalizers; of a deleted owner, what it owned."""
        if change.type is ChangeType.DELETED:
            return [*self.cluster.owned_keys(change.value["metadata"]["uid"]), *_owners_of(change)]
        metadata = change.value["metadata"]
        if metadata.get("ownerReferences") or metadata.get("deletionTimestamp"):
            return (change.key,)
        return ()

    def reconcile(self, key: Key) -> None:
        """Settles one object."""
        value = self.cluster.store.get(key)
        if value is None:
            return
        finalizers = value["metadata"].get("finalizers", [])
        if value["metadata"].get("deletionTimestamp"):
            if FOREGROUND in finalizers:
                self._foreground(key, value)
            elif ORPHAN in finalizers:
                self._orphan(key, value)
        else:
            self._collect(key, value)

    def _collect(self, key: Key, value: Object) -> None:
        owners = sublist(value, "metadata", "ownerReferences")
        alive = [owner for owner in owners if self._lives(key, owner)]
        if not owners or len(alive) == len(owners):
            return
        if alive:
            self._set_owners(key, value, alive)
        else:
            self.context.deleter.delete(kind_of(key), value, DeleteOptions(policy="Background"))

    def _lives(self, key: Key, owner: Object) -> bool:
        kind = by_type(owner.get("apiVersion", ""), owner.get("kind", ""))
        return kind is None or self.cluster.exists(owner["uid"], kind, key.scope, owner["name"])

    def _foreground(self, key: Key, value: Object) -> None:
        uid = value["metadata"]["uid"]
        blocking = False
        for dependent_key in self.cluster.owned_keys(uid):
            dependent = self.cluster.store.get(dependent_key)
            if dependent is None:
                continue
            blocking = blocking or _blocks(dependent, uid)
            if not dependent["metadata"].get("deletionTimestamp"):
                has_own = bool(self.cluster.owned_keys(dependent["metadata"]["uid"]))
                policy = "Foreground" if has_own else "Background"
                self.context.deleter.delete(kind_of(dependent_key), dependent, DeleteOptions(policy=policy))
        if not blocking or not self.cluster.owned_keys(uid):
            self._unfinalize(key, value, FOREGROUND)

    def _orphan(self, key: Key, value: Object) -> None:
        uid = value["metadata"]["uid"]
        for dependent_key in self.cluster.owned_keys(uid):
            dependent = self.cluster.store.get(dependent_key)
            if dependent is not None:
                owners = sublist(dependent, "metadata", "ownerReferences")
                kept = [owner for owner in owners if owner["uid"] != uid]
                self._set_owners(dependent_key, dependent, kept)
        self._unfinalize(key, value, ORPHAN)

    def _set_owners(self, key: Key, value: Object, owners: list[Object]) -> None:
        def change(fresh: Object) -> None:
            fresh["metadata"].pop("ownerReferences", None)
            if owners:
                fresh["metadata"]["ownerReferences"] = owners

        self.cluster.modify(kind_of(key), value, change)

    def _unfinalize(self, key: Key, value: Object, finalizer: str) -> None:
        def change(fresh: Object) -> None:
            left = [name for name in fresh["metadata"].get("finalizers", []) if name != finalizer]
            fresh["metadata"].pop("finalizers", None)
            if left:
                fresh["metadata"]["finalizers"] = left

        self.cluster.modify(kind_of(key), value, change)


class NamespaceController(Controller):
    """Gives a namespace what every namespace has, and empties it before it ends."""

    def concerned(self, change: Change) -> Iterable[Key]:
        """Namespaces; and, when something inside goes, the namespace it was in."""
        if change.key.kind == NAMESPACE.id:
            return (change.key,)
        if change.type is ChangeType.DELETED and change.key.scope:
            return (Key(NAMESPACE.id, "", change.key.scope),)
        return ()

    def reconcile(self, key: Key) -> None:
        """Fills, or empties and ends, one namespace."""
        namespace = self.cluster.store.get(key)
        if namespace is None:
            return
        if namespace["metadata"].get("deletionTimestamp"):
            self._empty(key, namespace)
        else:
            self._fill(key.name)

    def _fill(self, name: str) -> None:
        if self.cluster.find(SERVICE_ACCOUNT, name, "default") is None:
            self.cluster.create(SERVICE_ACCOUNT, {"metadata": {"name": "default", "namespace": name}})
        if self.cluster.find(CONFIG_MAP, name, "kube-root-ca.crt") is None:
            metadata = {"name": "kube-root-ca.crt", "namespace": name}
            self.cluster.create(CONFIG_MAP, {"metadata": metadata, "data": {"ca.crt": "sandbox"}})

    def _empty(self, key: Key, namespace: Object) -> None:
        left = [
            found
            for kind_id in self.cluster.store.kinds()
            for found in self.cluster.store.items(kind_id, key.name)
        ]
        for found, value in left:
            if not value["metadata"].get("deletionTimestamp"):
                self.context.deleter.delete(kind_of(found), value, DeleteOptions(policy="Background"))
        if left:
            self.after(1, key)
            return
        if submap(namespace, "spec").get("finalizers"):

            def change(fresh: Object) -> None:
                fresh["spec"]["finalizers"] = []

            self.cluster.modify(NAMESPACE, namespace, change)


def _blocks(dependent: Object, uid: str) -> bool:
    return any(
        owner["uid"] == uid and owner.get("blockOwnerDeletion")
        for owner in sublist(dependent, "metadata", "ownerReferences")
    )


def _owners_of(change: Change) -> list[Key]:
    keys: list[Key] = []
    for owner in sublist(change.value, "metadata", "ownerReferences"):
        kind = by_type(owner.get("apiVersion", ""), owner.get("kind", ""))
        if kind is not None:
            keys.append(Key(kind.id, change.key.scope if kind.namespaced else "", owner["name"]))
    return keys
