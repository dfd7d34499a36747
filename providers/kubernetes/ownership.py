"""Who owns which field of an object, and how to make server-side apply remove one. Pure.

Server-side apply removes only what its own manager alone owns. What the server filled in by itself (nobody's) and
what `kubectl set` or `kubectl apply` wrote (theirs too) would stay behind in an object that is to be as it was: a
variable too many, a second kind of probe. So what has to go is claimed first, by a patch of
metadata.managedFields that changes nothing else; then the apply leaves it out, in one step and with one rollout.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from pydantic import JsonValue

from providers.tree import Tree, at, put, text, tree, trees

# A path as managedFields write it: f:spec, f:containers, k:{"name":"web"}.
FieldPath = tuple[str, ...]
# What is to be claimed: the values by their paths.
Claims = dict[FieldPath, JsonValue]


def superfluous(managed: list[Tree], current: Tree, target: Tree) -> Claims:
    """What `current` has and `target` has not, down to members of keyed lists."""
    owned = [tree(entry, "fieldsV1") for entry in managed]
    return dict(_superfluous((), owned, current, target))


def abandoned(managed: list[Tree], manager: str, current: Tree, target: Tree) -> Claims:
    """What `manager` alone wrote something of and no longer wants, with what the server added to it by itself.

    An HTTP probe that gives way to another kind would otherwise leave its default scheme behind, and the server
    refuses two kinds at once.
    """
    return {
        path: value
        for path, value in superfluous(managed, current, target).items()
        if _owns(managed, manager, path, own=True) and not _owns(managed, manager, path, own=False)
    }


def _superfluous(
    path: FieldPath, owned: list[Tree], current: JsonValue, target: JsonValue
) -> Iterator[tuple[FieldPath, JsonValue]]:
    if isinstance(current, dict) and isinstance(target, dict):
        for key, value in current.items():
            step = f"f:{key}"
            if key not in target:
                yield (*path, step), value
            else:
                yield from _superfluous((*path, step), _below(owned, step), value, target[key])
    elif isinstance(current, list) and isinstance(target, list):
        for step in sorted({step for part in owned for step in part}):
            old, new = _member(current, step), _member(target, step)
            if old is not None and new is None:
                yield (*path, step), old
            elif old is not None:
                yield from _superfluous((*path, step), _below(owned, step), old, new)


def _below(owned: list[Tree], step: str) -> list[Tree]:
    return [tree(part, step) for part in owned if step in part]


def _member(items: list[JsonValue], step: str) -> JsonValue:
    """The item of a list that a step means: k: names it by its key fields, v: by its value."""
    if not step.startswith(("k:", "v:")):
        return None
    try:
        wanted: JsonValue = json.loads(step[2:])
    except ValueError:
        return None
    if step.startswith("v:"):
        return wanted if wanted in items else None
    keys = wanted if isinstance(wanted, dict) else {}
    for item in items:
        if isinstance(item, dict) and all(item.get(key) == value for key, value in keys.items()):
            return item
    return None


def with_claims(
    managed: list[Tree], manager: str, api_version: str, claims: Mapping[FieldPath, JsonValue]
) -> list[Tree] | None:
    """The managedFields in which `manager` alone owns what is claimed; None where that is so already."""
    wanted = {path: value for path, value in claims.items() if not _alone(managed, manager, path)}
    if not wanted:
        return None
    own = next((entry for entry in managed if _is_own(entry, manager)), None)
    fields = tree(own, "fieldsV1")
    for path, value in wanted.items():
        known = [tree(other, "fieldsV1", *path) for other in managed]
        fields = put(fields, _merged([*known, _fields_of(value)]), *path)
    entry: Tree = {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": text(own, "apiVersion") or api_version,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return [entry, *(rest for other in managed if other is not own and (rest := _without(other, wanted)))]


def _is_own(entry: Tree, manager: str) -> bool:
    return (
        text(entry, "manager") == manager
        and text(entry, "operation") == "Apply"
        and not text(entry, "subresource")
    )


def _alone(managed: list[Tree], manager: str, path: FieldPath) -> bool:
    own = (at(entry, "fieldsV1", *path) for entry in managed if _is_own(entry, manager))
    whole = any(node == {} or (isinstance(node, dict) and "." in node) for node in own)
    return whole and not _owns(managed, manager, path, own=False)


def _owns(managed: list[Tree], manager: str, path: FieldPath, *, own: bool) -> bool:
    """Whether `manager`'s applies (or, if not `own`, anybody else) own something at or below `path`."""
    entries = (entry for entry in managed if _is_own(entry, manager) is own)
    return any(at(entry, "fieldsV1", *path) is not None for entry in entries)


def _without(entry: Tree, paths: Iterable[FieldPath]) -> Tree | None:
    """An entry that no longer owns `paths`; None if it owned nothing else."""
    fields = tree(entry, "fieldsV1")
    for path in paths:
        fields = _cut(fields, path)
    return put(entry, fields, "fieldsV1") if fields else None


def _fields_of(value: JsonValue) -> Tree:
    """The fields of a value as one owns them. Keys of lists are not known here: others' entries have them."""
    if not isinstance(value, dict):
        return {}
    fields: Tree = {f"f:{key}": _fields_of(item) for key, item in value.items()}
    return {".": {}, **fields}


def _merged(parts: Iterable[Tree]) -> Tree:
    merged: Tree = {}
    for part in parts:
        for key, below in part.items():
            merged[key] = _merged([tree(merged, key), below]) if isinstance(below, dict) else {}
    return merged


def _cut(fields: Tree, path: FieldPath) -> Tree:
    step, *rest = path
    below = fields.get(step)
    if not isinstance(below, dict):
        return fields
    smaller = _cut(below, tuple(rest)) if rest else {}
    kept = {key: item for key, item in fields.items() if key != step}
    return {**kept, step: smaller} if smaller else kept


def managed_fields(live: Tree) -> list[Tree]:
    return trees(live, "metadata", "managedFields")
