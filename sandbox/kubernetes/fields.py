"""Sets of field paths, as managedFields carry them. Imports topology and core.wire.

A path is a tuple of `f:name`, `k:{"key":...}`, `v:value` parts; a last part `.` means the list item itself.
"""

import json
from typing import Any

from sandbox.core.wire import Object, canonical, is_list, is_map, submap
from sandbox.kubernetes.topology import ListType, Path, atomic_map, key_default, list_type

FieldPath = tuple[str, ...]
FieldSet = frozenset[FieldPath]

IDENTITY = frozenset({"apiVersion", "kind"})
SERVER_METADATA = frozenset(
    {
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "selfLink",
        "managedFields",
        "generateName",
    }
)


def fields_of(value: Object) -> dict[FieldPath, Any]:
    """Every leaf that can be owned, with its value."""
    found: dict[FieldPath, Any] = {}
    for name, inner in value.items():
        if name == "metadata":
            for key, item in submap(value, name).items():
                if key not in SERVER_METADATA:
                    _walk(item, ("f:metadata", f"f:{key}"), (name, key), found)
        elif name not in IDENTITY:
            _walk(inner, (f"f:{name}",), (name,), found)
    return found


def _walk(value: Any, at: FieldPath, path: Path, found: dict[FieldPath, Any]) -> None:
    if is_map(value) and value and not atomic_map(path):
        for name, inner in value.items():
            _walk(inner, (*at, f"f:{name}"), (*path, name), found)
    elif is_list(value) and value:
        _walk_list(value, at, path, found)
    else:
        found[at] = value


def _walk_list(items: list[Any], at: FieldPath, path: Path, found: dict[FieldPath, Any]) -> None:
    kind = list_type(path)
    if kind.is_set:
        for item in items:
            found[(*at, f"v:{json.dumps(item)}")] = item
        return
    if kind.atomic or not all(is_map(item) for item in items):
        found[at] = items
        return
    for item in items:
        here = (*at, item_key(item, kind))
        found[(*here, ".")] = None
        for name, inner in item.items():
            _walk(inner, (*here, f"f:{name}"), (*path, name), found)


def item_key(item: Object, kind: ListType) -> str:
    """The `k:{...}` part that names a list item."""
    keys = {key: item.get(key, key_default(key)) for key in kind.keys}
    return "k:" + canonical({key: value for key, value in keys.items() if value is not None})


def encode_fields(paths: FieldSet) -> Object:
    """FieldsV1 of a set."""
    tree: Object = {}
    for path in sorted(paths):
        node = tree
        for part in path:
            node = node.setdefault(part, {})
    return tree


def decode_fields(tree: Object) -> FieldSet:
    """The set of a FieldsV1."""
    found: set[FieldPath] = set()
    _decode(tree, (), found)
    return frozenset(found)


def _decode(tree: Object, at: FieldPath, found: set[FieldPath]) -> None:
    if not tree and at:
        found.add(at)
        return
    for part, inner in tree.items():
        _decode(inner, (*at, part), found)


def readable(path: FieldPath) -> str:
    """The path as conflict messages show it: `.spec.template.spec.containers[name="web"].image`."""
    text = ""
    for part in path:
        if part.startswith("f:"):
            text += f".{part[2:]}"
        elif part.startswith("k:"):
            keys = json.loads(part[2:])
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in keys.items()) + "]"
        elif part.startswith("v:"):
            text += f"[={part[2:]}]"
    return text


def remove_path(value: Any, path: FieldPath) -> None:
    """Removes what the path names from `value`, in place; containers that became empty go with it."""
    if not path or value is None:
        return
    head, rest = path[0], path[1:]
    if is_map(value):
        _remove_child(value, head.removeprefix("f:"), rest)
    elif is_list(value):
        _remove_item(value, head, rest)


def _remove_child(children: Object, name: str, rest: FieldPath) -> None:
    if name not in children:
        return
    if not rest:
        del children[name]
        return
    inner = children[name]
    remove_path(inner, rest)
    if inner in ({}, []):
        del children[name]


def _remove_item(items: list[Any], head: str, rest: FieldPath) -> None:
    for index, item in enumerate(items):
        if not _names(head, item):
            continue
        if not rest or rest == (".",):
            del items[index]
        elif not _is_key(head, rest):
            remove_path(item, rest)
        return


def _is_key(head: str, rest: FieldPath) -> bool:
    return head.startswith("k:") and rest[0].removeprefix("f:") in json.loads(head[2:])


def _names(head: str, item: Any) -> bool:
    if head.startswith("v:"):
        return json.loads(head[2:]) == item
    if not head.startswith("k:") or not is_map(item):
        return False
    keys: Object = json.loads(head[2:])
    return all(item.get(key, key_default(key)) == value for key, value in keys.items())
