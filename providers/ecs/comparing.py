"""Task definitions compared: AWS adds defaults to what was registered, and sorts some of it. Pure."""

from __future__ import annotations

from pydantic import JsonValue

from providers.tree import Tree, compact, text

_ADDED = frozenset(
    {
        "compatibilities",
        "deregisteredAt",
        "registeredAt",
        "registeredBy",
        "requiresAttributes",
        "revision",
        "status",
        "tags",
        "taskDefinitionArn",
    }
)
_DEFAULTS: Tree = {"cpu": 0, "essential": True, "protocol": "tcp", "hostPort": 0}
_SETS = frozenset({"environment", "secrets", "dependsOn", "ulimits", "compatibilities", "requiresCompatibilities"})


def same(one: Tree, other: Tree) -> bool:
    """Whether two task definitions say the same, whatever AWS added."""
    return compact(_plain(one)) == compact(_plain(other))


def _plain(definition: Tree) -> JsonValue:
    return _normal({key: value for key, value in definition.items() if key not in _ADDED})


def _normal(value: JsonValue) -> JsonValue:
    """Without what is empty or the default, sets in one order."""
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if not isinstance(value, dict):
        return value
    found: Tree = {}
    for key, item in value.items():
        plain = _normal(item)
        if plain in (None, [], {}) or (key in _DEFAULTS and plain == _DEFAULTS[key]):
            continue
        if key == "hostPort" and plain == value.get("containerPort"):
            continue
        found[key] = sorted(plain, key=compact) if key in _SETS and isinstance(plain, list) else plain
    return found


def images(definition: Tree) -> dict[str, str]:
    """The image of each container."""
    containers = definition.get("containerDefinitions")
    items = containers if isinstance(containers, list) else []
    return {text(item, "name") or "": text(item, "image") or "" for item in items}
