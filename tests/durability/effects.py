"""What really changed in a world, from its own store: the oracle for "every effect once"."""

from __future__ import annotations

from collections import Counter

from sandbox.core.store import Change, ChangeType
from sandbox.core.wire import Object
from sandbox.kubernetes import KubernetesWorld

RECORD_STATUS = "unship.dev/status"


class Effects:
    """Counts changes by namespace from the moment it is made; one change of the store is one count."""

    def __init__(self, world: KubernetesWorld) -> None:
        self._seen: list[tuple[str, str]] = []
        world.cluster.store.on_change(self._note)

    @property
    def mark(self) -> int:
        return len(self._seen)

    def since(self, mark: int, *namespaces: str) -> dict[str, int]:
        """The effects after `mark` in the namespaces, all of them without any."""
        counted = Counter(
            what for namespace, what in self._seen[mark:] if not namespaces or namespace in namespaces
        )
        return dict(sorted(counted.items()))

    def _note(self, change: Change) -> None:
        what = _described(change)
        if what is not None:
            self._seen.append((change.key.scope, what))


def _described(change: Change) -> str | None:
    """The effect in words; None for what controllers do on the way (pods, statuses, events)."""
    kind, value, previous = change.value.get("kind"), change.value, change.previous
    if kind in ("Deployment", "ConfigMap", "Service", "Secret", "ReplicaSet", "Namespace"):
        came = {ChangeType.ADDED: "created", ChangeType.DELETED: "deleted"}.get(change.type)
        if came is not None:
            return f"{kind} {came}"
    return _difference(str(kind), value, previous) if previous is not None else None


def _difference(kind: str, value: Object, previous: Object) -> str | None:
    match kind:
        case "Deployment" if value["metadata"]["generation"] != previous["metadata"]["generation"]:
            return "Deployment respecified"
        case "ConfigMap" if value.get("data") != previous.get("data"):
            return "ConfigMap changed"
        case "Secret":
            after, before = (body["metadata"]["labels"].get(RECORD_STATUS) for body in (value, previous))
            return f"record {after}" if after != before else "Secret changed"
        case _:
            return None
