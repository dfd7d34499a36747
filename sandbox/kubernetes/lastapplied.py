"""How a server-side apply by kubectl takes over objects of its client-side past. Imports fields and core.wire.

Conflicts over fields that still have the value of the last-applied annotation are allowed to the manager
`kubectl`, and the annotation is kept up to date; other managers get neither.
"""

import json
from typing import Any

from sandbox.core.wire import Object, clone, is_map, submap
from sandbox.kubernetes.fields import FieldPath, fields_of

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
MANAGER = "kubectl"


def allowed_conflicts(manager: str, live: Object) -> frozenset[FieldPath]:
    """The fields that this manager may take over without force."""
    if manager != MANAGER:
        return frozenset()
    try:
        last: Any = json.loads(submap(live, "metadata", "annotations").get(ANNOTATION, "null"))
    except ValueError:
        return frozenset()
    if not is_map(last):
        return frozenset()
    current = fields_of(live)
    return frozenset(path for path, value in fields_of(last).items() if path in current and current[path] == value)


def refreshed(manager: str, merged: Object, configuration: Object) -> Object:
    """The object with the annotation renewed, where kubectl applied to one that carries it."""
    if manager != MANAGER or ANNOTATION not in submap(merged, "metadata", "annotations"):
        return merged
    fresh = clone(merged)
    text = json.dumps(configuration, separators=(",", ":"))
    fresh["metadata"]["annotations"][ANNOTATION] = f"{text}\n"
    return fresh
