"""The differences between two states of an object, in words that a person looks for. Pure.

Both states come from the API server (see `objects.stateless`), so they differ only where something was changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from providers.kubernetes.objects import (
    CONFIGURATION_ANNOTATION,
    LAST_APPLIED,
    NUMBER_ANNOTATION,
    RELEASE_LABEL,
    Ref,
)
from providers.tree import Tree, compact, text
from providers.values import Change

MASK = "(hidden)"
LONGEST_VALUE = 300
PRESENT = "present"

Path = tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """One field that differs; None where it is absent. Members of named lists appear as `[name]`."""

    path: Path
    current: JsonValue
    target: JsonValue


def differences(current: JsonValue, target: JsonValue) -> tuple[Difference, ...]:
    """All fields that differ, except kubectl's copy of the manifest, which always follows the rest."""
    found = _walk((), current, target)
    return tuple(item for item in found if item.path != ("metadata", "annotations", LAST_APPLIED))


def _walk(path: Path, current: JsonValue, target: JsonValue) -> Iterator[Difference]:
    if current == target or (_is_empty(current) and _is_empty(target)):
        return
    left, right = _members(current), _members(target)
    if left is None or right is None:
        yield Difference(path, current, target)
        return
    for key in sorted({**left, **right}):
        old, new = left.get(key), right.get(key)
        if key.startswith("[") and (old is None or new is None):
            yield _whole((*path, key), old, new)
        else:
            yield from _walk((*path, key), old, new)


def _whole(path: Path, current: JsonValue, target: JsonValue) -> Difference:
    """A named member that is only on one side; of an environment variable its value says it all."""
    member = current if target is None else target
    value = text(member, "value")
    if len(path) >= 2 and path[-2] == "env" and value is not None:
        return Difference(path, value if target is None else None, value if current is None else None)
    return Difference(path, current, target)


def _members(value: JsonValue) -> Tree | None:
    """The members of an object, or of a list whose items have names of their own; none where nothing is.

    None for anything else, which is compared as a whole.
    """
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value:
        named: Tree = {f"[{item['name']}]": item for item in value if isinstance(item, dict) and "name" in item}
        return named if len(named) == len(value) else None
    return None


def _is_empty(value: JsonValue) -> bool:
    return value is None or value in ({}, [])


def changes(ref: Ref, current: Tree | None, target: Tree | None) -> tuple[Change, ...]:
    """What a person is shown of the way from `current` to `target`; nothing where they are equal."""
    resource = str(ref)
    if current is None or target is None:
        if current is None and target is None:
            return ()
        there, wanted = (None if body is None else PRESENT for body in (current, target))
        return (Change(resource=resource, field="object", current=there, target=wanted),)
    return tuple(
        Change(
            resource=resource,
            field=_name(item.path),
            current=_shown(ref, item.path, item.current),
            target=_shown(ref, item.path, item.target),
        )
        for item in differences(current, target)
        if not _is_own(item.path)
    )


def _is_own(path: Path) -> bool:
    """Our own marks, which follow from what else is shown."""
    return path[-1] in {RELEASE_LABEL, CONFIGURATION_ANNOTATION}


def _name(path: Path) -> str:
    if path == ("spec", "replicas"):
        return "replicas"
    if path[-1] == NUMBER_ANNOTATION:
        return "release number"
    short = path[3:] if path[:3] == ("spec", "template", "spec") else path
    if len(short) >= 3 and short[0] in {"containers", "initContainers"} and short[1].startswith("["):
        return f"{_joined(short[2:])} ({short[1][1:-1]})"
    return _joined(short)


def _joined(path: Path) -> str:
    if len(path) >= 2 and path[0] == "env" and path[1].startswith("["):
        return f"env {path[1][1:-1]}" + ("" if path[2:] in ((), ("value",)) else "." + _joined(path[2:]))
    return ".".join(path).replace(".[", "[")


def _shown(ref: Ref, path: Path, value: JsonValue) -> str | None:
    if value is None:
        return None
    if ref.kind == "Secret" and not ref.group and path[0] in {"data", "stringData"}:
        return MASK
    shown = value if isinstance(value, str) else compact(value)
    return shown if len(shown) <= LONGEST_VALUE else shown[: LONGEST_VALUE - 1] + "…"
