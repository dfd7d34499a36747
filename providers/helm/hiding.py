"""How two sets of chart values differ, by key path, without showing what is or might be a secret. Pure.

Nothing tells which value is a secret, so it is judged by the names on its way and by its looks. Both sides of a
difference are hidden where one is: the other may be what the secret was before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import JsonValue

from providers.kubernetes.diff import LONGEST_VALUE, MASK, Path, differences
from providers.tree import Tree, compact

MOST = 50
"""How many keys are shown."""
_SECRET_NAMES = re.compile(
    r"pass|pwd|secret|token|key|cred|auth|cert|priv|salt|cookie|session|sign(ing|ature)|licen[cs]e|login|"
    r"dsn|jdbc|conn(ection)?_?-?str|webhook|vault|cipher|crypt|\bpin\b|pem\b|kubeconfig",
    re.IGNORECASE,
)
_VERSIONS = {"tag", "image", "repository", "digest", "version", "appversion", "revision", "commit"}
_PARTS = re.compile(r"[^A-Za-z0-9]+")
_USER_IN_ADDRESS = re.compile(r"//[^/\s]*@")


def value_changes(current: Tree, target: Tree) -> Iterator[tuple[str, str | None, str | None]]:
    """(key path, now, afterwards) of every key that differs; of very many the first, and how many more."""
    found = differences(current, target)
    for item in found[:MOST]:
        hidden = any(
            value is not None and _may_be_secret(item.path, value) for value in (item.current, item.target)
        )
        now, then = (_shown(value, hidden=hidden) for value in (item.current, item.target))
        yield ".".join(item.path).replace(".[", "["), now, then
    if len(found) > MOST:
        yield f"({len(found) - MOST} more keys)", MASK, MASK


def _shown(value: JsonValue, *, hidden: bool) -> str | None:
    if value is None:
        return None
    if hidden:
        return MASK
    shown = value if isinstance(value, str) else compact(value)
    return shown if len(shown) <= LONGEST_VALUE else shown[: LONGEST_VALUE - 1] + "…"


def _may_be_secret(path: Path, value: JsonValue) -> bool:
    if any(_SECRET_NAMES.search(name) for name in path):
        return True
    if isinstance(value, dict):
        name = value.get("name")
        within = (*path, name) if isinstance(name, str) else path
        return any(_may_be_secret((*within, key), item) for key, item in value.items())
    if isinstance(value, list):
        return any(_may_be_secret(path, item) for item in value)
    return isinstance(value, str) and _looks_secret(value, is_version=path[-1].lower() in _VERSIONS)


def _looks_secret(value: str, *, is_version: bool) -> bool:
    """Long, of several lines, with a password in an address, or made of what nobody would remember."""
    if len(value) > LONGEST_VALUE or "\n" in value or _USER_IN_ADDRESS.search(value):
        return True
    return not is_version and any(_is_random(part) for part in _PARTS.split(value))


def _is_random(part: str) -> bool:
    mixed = any(letter.isdigit() for letter in part) and any(letter.isalpha() for letter in part)
    return len(part) >= 24 or (mixed and len(part) >= 12)
