"""What a URL path asks for. Imports kinds and errors."""

from dataclasses import dataclass

from sandbox.kubernetes.errors import no_such_page
from sandbox.kubernetes.kinds import NAMESPACE, Kind, by_path


@dataclass(frozen=True, slots=True)
class Target:
    """A resource, and which object of it; empty parts mean all namespaces, the collection, the object itself."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def parse_path(path: str) -> Target:
    """The target of a path below /api/v1 or /apis/GROUP/VERSION. Raises ApiError 404."""
    parts = [part for part in path.split("/") if part]
    if parts[:2] == ["api", "v1"]:
        group, version, rest = "", "v1", parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise no_such_page()
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in NAMESPACE.subresources:
        namespace, rest = rest[1], rest[2:]
    kind = by_path(group, version, rest[0]) if rest else None
    if kind is None or len(rest) > 3 or bool(namespace) > kind.namespaced:
        raise no_such_page()
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    if (subresource and subresource not in kind.subresources) or (name and kind.namespaced and not namespace):
        raise no_such_page()
    return Target(kind, namespace, name, subresource)
