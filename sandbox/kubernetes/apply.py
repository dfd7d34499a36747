"""Who owns which field (managedFields), and server-side apply. Imports fields, topology, errors, core.wire.

Rules: a manager owns what it applied; an update owns what it changed; applying another value to a field that
others own is a conflict unless forced; what a manager no longer applies and nobody else owns is removed.
"""

from dataclasses import dataclass
from typing import Any

from sandbox.core.wire import Object, clone, is_list, is_map, sublist, timestamp
from sandbox.kubernetes.errors import Cause, apply_conflict
from sandbox.kubernetes.fields import (
    FieldPath,
    FieldSet,
    decode_fields,
    encode_fields,
    fields_of,
    item_key,
    readable,
    remove_path,
)
from sandbox.kubernetes.topology import ListType, Path, atomic_map, list_type

APPLY = "Apply"
UPDATE = "Update"


@dataclass(frozen=True, slots=True)
class Manager:
    """One writer: managers with another operation, version or subresource are another manager."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""


Owners = dict[Manager, FieldSet]


def owners_of(value: Object) -> Owners:
    """The managers an object lists."""
    owners: Owners = {}
    for entry in sublist(value, "metadata", "managedFields"):
        manager = Manager(
            entry.get("manager", ""),
            entry.get("operation", ""),
            entry.get("apiVersion", ""),
            entry.get("subresource", ""),
        )
        owners[manager] = decode_fields(entry.get("fieldsV1", {}))
    return owners


def updated(old: Object | None, new: Object, manager: Manager) -> Owners:
    """The owners after an update wrote `new` over `old`."""
    before = fields_of(old) if old is not None else {}
    after = fields_of(new)
    changed = frozenset(path for path, value in after.items() if path not in before or before[path] != value)
    gone = frozenset(path for path in before if path not in after)
    owners = {} if old is None else owners_of(old)
    if not changed and not gone:
        return owners
    kept = {
        other: paths - gone - (frozenset() if other == manager else changed) for other, paths in owners.items()
    }
    if changed:
        kept[manager] = kept.get(manager, frozenset()) | changed
    return {other: paths for other, paths in kept.items() if paths}


def applied(
    live: Object,
    configuration: Object,
    manager: Manager,
    *,
    force: bool,
    allowed: FieldSet = frozenset(),
) -> tuple[Object, Owners]:
    """The object and its owners after an apply; `allowed` conflicts count as forced.

    Raises ApiError 409 with one cause for each conflict.
    """
    owners = owners_of(live)
    wanted = fields_of(configuration)
    current = fields_of(live)
    contested = {
        path: [other for other, paths in owners.items() if other != manager and path in paths]
        for path, value in wanted.items()
        if path[-1] != "." and (path not in current or current[path] != value)
    }
    conflicts = {path: others for path, others in contested.items() if others}
    if not (force or allowed.issuperset(conflicts)):
        raise apply_conflict([_cause(path, others[0]) for path, others in sorted(conflicts.items())])
    merged: Object = _merge(live, configuration, ())
    fresh = frozenset(wanted)
    others_own = frozenset[FieldPath]().union(*(paths for other, paths in owners.items() if other != manager))
    abandoned = owners.get(manager, frozenset()) - fresh - others_own
    merged = clone(merged)
    # whole list items first: their keys must still be there to find them
    for path in sorted(abandoned, key=lambda path: (path[-1] != ".", -len(path))):
        remove_path(merged, path)
    lost = frozenset(conflicts)
    after = {other: paths - lost for other, paths in owners.items() if other != manager}
    after[manager] = fresh
    return merged, {other: paths for other, paths in after.items() if paths}


def managed(old: Object | None, owners: Owners) -> list[Object]:
    """The managedFields for `owners`; entries whose set did not change keep their time."""
    old_entries = {} if old is None else _entries(old)
    result: list[Object] = []
    for owner, paths in owners.items():
        tree = encode_fields(paths)
        entry = old_entries.get(owner)
        if entry is not None and entry.get("fieldsV1") == tree:
            result.append(entry)
            continue
        fresh: Object = {
            "manager": owner.name,
            "operation": owner.operation,
            "apiVersion": owner.api_version,
            "time": timestamp(),
            "fieldsType": "FieldsV1",
            "fieldsV1": tree,
        }
        if owner.subresource:
            fresh["subresource"] = owner.subresource
        result.append(fresh)
    return result


def _entries(value: Object) -> dict[Manager, Object]:
    return dict(zip(owners_of(value), sublist(value, "metadata", "managedFields"), strict=False))


def _cause(path: FieldPath, owner: Manager) -> Cause:
    using = f" using {owner.api_version}" if owner.operation == UPDATE else ""
    subresource = f' with subresource "{owner.subresource}"' if owner.subresource else ""
    text = f'conflict with "{owner.name}"{subresource}{using}'
    return Cause("FieldManagerConflict", text, readable(path))


def _merge(live: Any, wanted: Any, path: Path) -> Any:
    if is_map(wanted) and is_map(live) and not (path and atomic_map(path)):
        result: Object = dict(live)
        for name, value in wanted.items():
            result[name] = _merge(result.get(name), value, (*path, name))
        return {name: value for name, value in result.items() if value is not None}
    if is_list(wanted) and is_list(live):
        return _merge_list(live, wanted, path)
    return wanted


def _merge_list(live: list[Any], wanted: list[Any], path: Path) -> list[Any]:
    kind = list_type(path)
    if kind.is_set:
        return [*live, *(item for item in wanted if item not in live)]
    if kind.atomic:
        return wanted
    return _merge_items(live, wanted, kind, path)


def _merge_items(live: list[Any], wanted: list[Any], kind: ListType, path: Path) -> list[Any]:
    """Applied items in their order; items only others have stay before the applied item they preceded."""
    old = {item_key(item, kind): item for item in live}
    new = {item_key(item, kind): item for item in wanted}
    result: list[Any] = []
    position = 0
    old_keys = list(old)
    for key, item in new.items():
        if key not in old:
            result.append(item)
            continue
        index = old_keys.index(key)
        result.extend(old[other] for other in old_keys[position:index] if other not in new)
        position = max(position, index + 1)
        result.append(_merge(old[key], item, path))
    result.extend(old[other] for other in old_keys[position:] if other not in new)
    return result
