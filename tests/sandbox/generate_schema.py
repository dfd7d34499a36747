"""Writes sandbox/kubernetes/schema.json from the client library's models, themselves made from the published API.

`python -m tests.sandbox.generate_schema`; a test compares the two, so the sandbox itself imports no client.
"""

from __future__ import annotations

import importlib
import json
import sys
import typing
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox.kubernetes.kinds import KINDS

TARGET = Path(__file__).resolve().parents[2] / "sandbox" / "kubernetes" / "schema.json"
MODELS = "lightkube.models."
MODULES = {
    "": "core_v1",
    "apps": "apps_v1",
    "batch": "batch_v1",
    "autoscaling": "autoscaling_v2",
    "networking.k8s.io": "networking_v1",
    "policy": "policy_v1",
    "rbac.authorization.k8s.io": "rbac_v1",
    "coordination.k8s.io": "coordination_v1",
}
FREE_MAPS = frozenset({"fieldsV1", "data of ControllerRevision", "disruptedPods", "all", "single", "basic"})
QUANTITY_MAPS = frozenset(
    {
        "allocatable",
        "allocatedResources",
        "capacity",
        "default",
        "defaultRequest",
        "hard",
        "limits",
        "max",
        "maxLimitRequestRatio",
        "min",
        "overhead",
        "requests",
        "used",
    }
)
SCALARS = {str: "text", int: "integer", bool: "boolean", datetime: "text"}


def generate() -> str:
    """The schema as JSON text: the type of every kind, and the fields of every type."""
    types: dict[str, dict[str, str]] = {}
    kinds: dict[str, str] = {}
    for kind in KINDS:
        if not kind.review:
            model = getattr(importlib.import_module(MODELS + MODULES[kind.group]), kind.kind)
            kinds[kind.id] = _visit(model, types)
    lines = [f"{json.dumps(name)}: {json.dumps(types[name], sort_keys=True)}" for name in sorted(types)]
    body = ",\n".join(lines)
    return f'{{"kinds": {json.dumps(kinds, sort_keys=True)},\n"types": {{\n{body}\n}}}}\n'


def _visit(model: Any, types: dict[str, dict[str, str]]) -> str:
    name = f"{model.__module__.removeprefix(MODELS).split('_')[0]}.{model.__name__}"
    if name in types:
        return name
    fields: dict[str, str] = {}
    types[name] = fields
    hints = typing.get_type_hints(model)
    for field, annotation in model.__annotations__.items():
        owned = f"{field} of {model.__name__}"
        if "Quantity" in annotation:
            fields[field] = "quantity"
        else:
            fields[field.rstrip("_")] = _type(hints[field], field, owned, types)
    return name


def _type(hint: Any, field: str, owned: str, types: dict[str, dict[str, str]]) -> str:
    arguments = [item for item in typing.get_args(hint) if item is not type(None)]
    origin = typing.get_origin(hint)
    if origin is typing.Union:
        return "portion" if len(arguments) > 1 else _type(arguments[0], field, owned, types)
    if origin is list:
        return "[" + _type(arguments[0], field, owned, types)
    if hint is dict or origin is dict:
        free = bool({field, owned} & FREE_MAPS)
        return "any" if free else ("quantities" if field in QUANTITY_MAPS else "texts")
    if hint in SCALARS:
        return SCALARS[hint]
    return _visit(hint, types)


if __name__ == "__main__":
    TARGET.write_text(generate())
    sys.stdout.write(f"{TARGET}\n")
