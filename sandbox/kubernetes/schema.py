"""The fields of every served kind with their JSON types: what a real server can not decode or does not know.

Reads schema.json (made by tests/sandbox/generate_schema.py from the published API). Imports kinds, core.wire.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.core.wire import Object, is_list, is_map
from sandbox.kubernetes.kinds import Kind

_DOCUMENT: Object = json.loads(Path(__file__).with_name("schema.json").read_text())
_KINDS: dict[str, str] = _DOCUMENT["kinds"]
_TYPES: dict[str, dict[str, str]] = _DOCUMENT["types"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One field that is wrong: of another type than `expected`, or unknown (`expected` is empty)."""

    path: str
    expected: str


def mistyped(kind: Kind, value: Object) -> Finding | None:
    """The first field of the wrong JSON type."""
    return next((finding for finding in _check(_KINDS.get(kind.id, "any"), value, "") if finding.expected), None)


def unknown(kind: Kind, value: Object) -> list[str]:
    """The paths of the fields that the kind does not have, as `.spec.replica`."""
    return [finding.path for finding in _check(_KINDS.get(kind.id, "any"), value, "") if not finding.expected]


def pruned(kind: Kind, value: Object) -> Object:
    """The object without unknown fields, as a typed server stores it."""
    result: Object = _prune(_KINDS.get(kind.id, "any"), value)
    return result


def _check(type_name: str, value: Any, path: str) -> Iterator[Finding]:
    if value is None:
        return
    if type_name.startswith("["):
        yield from _check_list(type_name[1:], value, path)
    elif type_name in SCALARS:
        words, test = SCALARS[type_name]
        if not test(value):
            yield Finding(path, words)
    elif not is_map(value):
        yield Finding(path, "object")
    else:
        fields = _TYPES[type_name]
        for name, inner in value.items():
            if name in fields:
                yield from _check(fields[name], inner, f"{path}.{name}")
            else:
                yield Finding(f"{path}.{name}", "")


def _check_list(item_type: str, value: Any, path: str) -> Iterator[Finding]:
    if not is_list(value):
        yield Finding(path, "list")
        return
    for index, item in enumerate(value):
        if item is None:
            yield Finding(f"{path}[{index}]", "object" if item_type in _TYPES else "value")
        yield from _check(item_type, item, f"{path}[{index}]")


def _prune(type_name: str, value: Any) -> Any:
    if type_name.startswith("[") and is_list(value):
        return [_prune(type_name[1:], item) for item in value]
    fields = _TYPES.get(type_name)
    if fields is None or not is_map(value):
        return value
    return {name: _prune(fields[name], inner) for name, inner in value.items() if name in fields}


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _quantity(value: Any) -> bool:
    return isinstance(value, str | float) or _integer(value)


def _map_of(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        return is_map(value) and all(inner is None or test(inner) for inner in value.values())

    return check


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind)


SCALARS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "any": ("any value", lambda _: True),
    "text": ("string", _is(str)),
    "integer": ("integer", _integer),
    "boolean": ("boolean", _is(bool)),
    "portion": ("integer or string", lambda value: isinstance(value, str) or _integer(value)),
    "quantity": ("quantity", _quantity),
    "texts": ("map of strings", _map_of(_is(str))),
    "quantities": ("map of quantities", _map_of(_quantity)),
}
