"""Typed walks through JSON, so that providers never handle `Any`.

A tree is what a platform sends: a JSON object. Nothing here changes a tree in place, because parsed manifests and
live objects are shared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

from pydantic import JsonValue

Tree = dict[str, JsonValue]


def at(value: JsonValue, *path: str) -> JsonValue:
    """What is found along `path`; None where the path ends early."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text(value: JsonValue, *path: str) -> str | None:
    found = at(value, *path)
    return found if isinstance(found, str) else None


def number(value: JsonValue, *path: str) -> int | None:
    found = at(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def tree(value: JsonValue, *path: str) -> Tree:
    """The object along `path`; an empty one where there is none."""
    found = at(value, *path)
    return found if isinstance(found, dict) else {}


def trees(value: JsonValue, *path: str) -> list[Tree]:
    """The objects of the list along `path`; members of other types are left out."""
    found = at(value, *path)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def texts(value: JsonValue, *path: str) -> dict[str, str]:
    """The members of the object along `path` whose values are strings: labels, annotations."""
    return {key: item for key, item in tree(value, *path).items() if isinstance(item, str)}


def put(value: Tree, found: JsonValue, *path: str) -> Tree:
    """A copy of `value` with `found` at `path`."""
    key, *rest = path
    return {**value, key: put(tree(value, key), found, *rest) if rest else found}


def put_all(value: Tree, entries: Mapping[str, str], *path: str) -> Tree:
    """A copy of `value` in which the object along `path` also has `entries`."""
    return put(value, {**tree(value, *path), **entries}, *path)


def drop(value: Tree, *path: str) -> Tree:
    """A copy of `value` without what is at `path`; an object that becomes empty goes with it."""
    key, *rest = path
    child = value.get(key)
    if not rest:
        return {name: item for name, item in value.items() if name != key}
    if not isinstance(child, dict):
        return value
    smaller = drop(child, *rest)
    if smaller or not child:
        return {**value, key: smaller}
    return {name: item for name, item in value.items() if name != key}


def without_nulls(value: JsonValue) -> JsonValue:
    """The value without members that are null, which mean the same as absent ones."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def says_the_same(wanted: JsonValue, live: JsonValue) -> bool:
    """Whether everything wanted is in the live value."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(
            key in live and says_the_same(value, live[key]) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(live, list)
            and len(wanted) == len(live)
            and all(says_the_same(a, b) for a, b in zip(wanted, live, strict=True))
        )
    return wanted == live


def compact(value: JsonValue) -> str:
    """Canonical JSON: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: JsonValue) -> str:
    """Hex SHA-256 of the canonical JSON."""
    return sha256(compact(value).encode()).hexdigest()
