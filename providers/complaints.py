"""What is wrong with the connectors file, in words that name the entry and the key.

Values are never quoted: a secret may stand where a reference to it belongs. Imports nothing of the project.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

_ENTRIES = {"connectors": "connector", "secrets": "secret"}
_EXPECTED = {
    "string_type": "expected text",
    "list_type": "expected a list",
    "dict_type": "expected a mapping of keys to values",
    "model_type": "expected a mapping of keys to values",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "expected env:NAME or file:PATH",
}


def of_values(error: ValidationError, document: object) -> list[str]:
    """One complaint per mistake of the parsed file."""
    if not isinstance(document, dict):
        return ['expected a mapping with the key "connectors" and, for pipelines with secrets, "secrets"']
    values = cast("Mapping[str, Any]", document)
    return [_complaint(detail, values) for detail in error.errors(include_url=False, include_input=False)]


def of_syntax(error: yaml.YAMLError) -> str:
    """What the YAML parser stumbled over, and where."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"not valid YAML at line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return "not valid YAML"


def _complaint(detail: ErrorDetails, document: Mapping[str, Any]) -> str:
    where, keys = _entry(detail["loc"], document)
    key = ".".join(str(part) for part in keys)
    if detail["type"] == "missing":
        return f'{where}the key "{key}" is missing; add it'
    if detail["type"] == "extra_forbidden":
        return f'{where}unknown key "{key}"; remove it, or correct its spelling'
    said = _EXPECTED.get(detail["type"], detail["msg"])
    return f'{where}the key "{key}": {said}' if key else f"{where}{said}"


def _entry(loc: tuple[int | str, ...], document: Mapping[str, Any]) -> tuple[str, tuple[int | str, ...]]:
    """The connector or secret that a location is in, as the beginning of a complaint, and the rest of it."""
    if len(loc) < 2 or loc[0] not in _ENTRIES or not isinstance(loc[1], int):
        return "", loc
    kind, index = _ENTRIES[loc[0]], loc[1]
    entry: Any = document[loc[0]][index]
    name: Any = cast("dict[str, Any]", entry).get("identifier") if isinstance(entry, dict) else None
    return f'{kind} "{name}": ' if isinstance(name, str) and name else f"{kind} number {index + 1}: ", loc[2:]
