"""How lists and maps of the served kinds merge: the facts of the published API description.

Shared by strategic merge patches and server-side apply. Imports the standard library only.
"""

from dataclasses import dataclass

Path = tuple[str, ...]
"""Field names from the top, list items left out."""

ATOMIC_MAPS = frozenset(
    {
        "selector",
        "nodeSelector",
        "labelSelector",
        "namespaceSelector",
        "podSelector",
        "configMapKeyRef",
        "secretKeyRef",
        "fieldRef",
        "resourceFieldRef",
        "roleRef",
        "scaleTargetRef",
        "claimRef",
        "involvedObject",
        "nodeSelectorTerms",
    }
)

CONTAINERS = frozenset({"containers", "initContainers", "ephemeralContainers"})

APPLY_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "schedulingGates": ("name",),
    "resourceClaims": ("name",),
    "ownerReferences": ("uid",),
    "conditions": ("type",),
    "podIPs": ("ip",),
    "secrets": ("name",),
}

PATCH_KEYS: dict[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "topologySpreadConstraints": "topologyKey",
    "schedulingGates": "name",
    "resourceClaims": "name",
    "ownerReferences": "uid",
    "conditions": "type",
    "podIPs": "ip",
    "secrets": "name",
}

SETS = frozenset({"finalizers"})


@dataclass(frozen=True, slots=True)
class ListType:
    """How a list merges under server-side apply: by keys, as a set, or as one value."""

    keys: tuple[str, ...] = ()
    is_set: bool = False

    @property
    def atomic(self) -> bool:
        """Whether the list is one value."""
        return not self.keys and not self.is_set


ATOMIC = ListType()


def list_type(path: Path) -> ListType:
    """The merge behaviour of the list at `path` under server-side apply."""
    name = path[-1]
    if name in SETS:
        return ListType(is_set=True)
    if name == "ports":
        return _ports(path)
    if path in {("imagePullSecrets",), ("secrets",)} and path[0] == "imagePullSecrets":
        return ATOMIC
    if name == "secrets" and len(path) > 1:
        return ATOMIC
    return ListType(keys=APPLY_KEYS[name]) if name in APPLY_KEYS else ATOMIC


def atomic_map(path: Path) -> bool:
    """Whether the map at `path` is one value under server-side apply."""
    return path[-1] in ATOMIC_MAPS


def patch_key(path: Path) -> str | None:
    """The key by which a strategic merge patch merges the list at `path`; None replaces the list."""
    name = path[-1]
    if name == "ports":
        parent = path[-2] if len(path) > 1 else ""
        return "containerPort" if parent in CONTAINERS else ("port" if parent == "spec" else None)
    return PATCH_KEYS.get(name)


def merges_primitives(path: Path) -> bool:
    """Whether a strategic merge patch adds to the list of plain values at `path`."""
    return path[-1] in SETS


def key_default(key: str) -> object:
    """The value of a missing list key: only `protocol` has a default."""
    return "TCP" if key == "protocol" else None


def _ports(path: Path) -> ListType:
    parent = path[-2] if len(path) > 1 else ""
    if parent in CONTAINERS:
        return ListType(keys=("containerPort", "protocol"))
    if path == ("spec", "ports"):
        return ListType(keys=("port", "protocol"))
    return ATOMIC
