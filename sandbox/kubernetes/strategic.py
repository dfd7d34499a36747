"""Strategic merge patch with its directives. Imports topology, errors and core.wire.

Directives: `$patch: replace|delete|merge`, `$retainKeys`, `$setElementOrder/<list>`,
`$deleteFromPrimitiveList/<list>`.
"""

from typing import Any

from sandbox.core.wire import Object, clone, is_list, is_map
from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.topology import Path, merges_primitives, patch_key

ORDER = "$setElementOrder/"
DELETE_PRIMITIVE = "$deleteFromPrimitiveList/"
RETAIN = "$retainKeys"
DIRECTIVE = "$patch"


def strategic_merge(target: Object, patch: Object) -> Object:
    """The target after the patch; neither argument is changed. Raises ApiError 400 for a bad directive."""
    return _merge_map(target, patch, ())


def _merge_map(target: Object, patch: Object, path: Path) -> Object:
    directive = patch.get(DIRECTIVE)
    plain = {name: value for name, value in patch.items() if not name.startswith("$")}
    if directive == "replace":
        return clone(plain)
    if directive == "delete":
        return {}
    if directive not in {None, "merge"}:
        raise ApiError(400, f"Unknown patch type {directive}")
    result = dict(target)
    if RETAIN in patch:
        result = {name: value for name, value in result.items() if name in patch[RETAIN]}
    for name, value in patch.items():
        if name.startswith(DELETE_PRIMITIVE):
            field = name.removeprefix(DELETE_PRIMITIVE)
            result[field] = [item for item in result.get(field, []) if item not in value]
    for name, value in plain.items():
        _merge_field(result, name, value, (*path, name))
    for name, value in patch.items():
        if name.startswith(ORDER):
            field = name.removeprefix(ORDER)
            result[field] = _ordered(result.get(field), value, (*path, field))
    return {name: value for name, value in result.items() if value is not None}


def _merge_field(result: Object, name: str, value: Any, path: Path) -> None:
    if value is None:
        result.pop(name, None)
    elif is_map(value):
        current = result.get(name)
        result[name] = _merge_map(current if is_map(current) else {}, value, path)
    elif is_list(value):
        current = result.get(name)
        result[name] = _merge_list(current if is_list(current) else [], value, path)
    else:
        result[name] = value


def _merge_list(current: list[Any], patch: list[Any], path: Path) -> list[Any]:
    key = patch_key(path)
    if key is None or not all(is_map(item) for item in patch):
        if merges_primitives(path):
            return [*current, *(item for item in patch if item not in current)]
        return clone(patch)
    if any(item.get(DIRECTIVE) == "replace" for item in patch):
        return [clone(item) for item in patch if DIRECTIVE not in item]
    result: list[Any] = list(current)
    for item in patch:
        result = _merge_item(result, item, key, path)
    return result


def _merge_item(items: list[Any], patch: Object, key: str, path: Path) -> list[Any]:
    if key not in patch:
        raise ApiError(400, f"map: {patch} does not contain declared merge key: {key}")
    wanted = patch[key]
    if patch.get(DIRECTIVE) == "delete":
        return [item for item in items if item.get(key) != wanted]
    for index, item in enumerate(items):
        if item.get(key) == wanted:
            return [*items[:index], _merge_map(item, patch, path), *items[index + 1 :]]
    return [*items, _merge_map({}, patch, path)]


def _ordered(items: Any, order: list[Any], path: Path) -> Any:
    if not is_list(items):
        return items
    key = patch_key(path)
    ranks = {_rank_key(entry, key): rank for rank, entry in enumerate(order)}
    known = sorted(
        (item for item in items if _rank_key(item, key) in ranks), key=lambda item: ranks[_rank_key(item, key)]
    )
    return _interleave(items, known, ranks, key)


def _interleave(items: list[Any], known: list[Any], ranks: dict[str, int], key: str | None) -> list[Any]:
    """Items the patch does not order keep their place; the ordered ones fill the other places."""
    ordered = iter(known)
    return [next(ordered) if _rank_key(item, key) in ranks else item for item in items]


def _rank_key(item: Any, key: str | None) -> str:
    return repr(item.get(key)) if is_map(item) and key is not None else repr(item)
