"""Manifests against the SDK's own description of what they are for: keys known, scalars of the right type.

The SDK would refuse them too, but only when the request is sent, after others that have had their effect.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from pydantic import JsonValue

from providers.errors import ProviderRefused
from providers.tree import Tree

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_BOOLEANS = {"true": True, "false": False}


def fitted(shape: Any, value: Tree, where: str) -> Tree:
    """The object with the keys spelled as the shape has them; `where` begins the message of a refusal."""
    return _structure(shape, value, where, "")


def _structure(shape: Any, value: Tree, where: str, path: str) -> Tree:
    members: dict[str, Any] = dict(shape.members)
    by_first = {name[:1].lower() + name[1:]: name for name in members}
    found: Tree = {}
    for key, item in value.items():
        # The APIs differ in whether names begin with a capital; users need not know which does.
        name = by_first.get(key[:1].lower() + key[1:])
        if name is None:
            near = difflib.get_close_matches(key, by_first, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else "."
            raise ProviderRefused(f'{where} has the unknown key "{path}{key}"{hint}')
        found[name] = _value(members[name], item, where, f"{path}{key}")
    return found


def _value(shape: Any, value: JsonValue, where: str, path: str) -> JsonValue:
    kind: str = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        return _structure(shape, value, where, f"{path}.")
    if kind == "map" and isinstance(value, dict):
        return {key: _value(shape.value, item, where, f"{path}.{key}") for key, item in value.items()}
    if kind == "list" and isinstance(value, list):
        return [_value(shape.member, item, where, f"{path}[{index}]") for index, item in enumerate(value)]
    if kind in ("structure", "map", "list"):
        raise ProviderRefused(f"{where} has something other than a {kind} at {path}.")
    return _scalar(kind, value, where, path)


def _scalar(kind: str, value: JsonValue, where: str, path: str) -> JsonValue:
    """Text where a number is wanted, as YAML and expressions give it, and the other way round."""
    if isinstance(value, dict | list) or value is None:
        raise ProviderRefused(f"{where} has something other than a {kind} at {path}.")
    if kind == "string" and not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind in ("integer", "long") and isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if kind in ("double", "float") and isinstance(value, str):
        try:
            return float(value)
        except ValueError as error:
            raise ProviderRefused(f"{where} has something other than a number at {path}.") from error
    if kind == "boolean" and isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    return value
