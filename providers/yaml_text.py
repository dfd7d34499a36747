"""YAML that services bring, read within bounds: the one door for manifests of all platforms.

A few hundred bytes of aliases can stand for gigabytes, so the size after expansion is counted before anything is
built.
"""

from __future__ import annotations

import json

import yaml
from pydantic import JsonValue, TypeAdapter, ValidationError

from providers.errors import ProviderRefused
from providers.tree import without_nulls

MOST_BYTES = 1 << 20
MOST_NODES = 100_000
MOST_DEPTH = 64

_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class _UnfitError(Exception):
    """YAML that is valid and still not accepted; the message completes "Manifest ..."."""


class _Loader(yaml.SafeLoader):
    """YAML 1.1 with dates staying text, and bounded."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        # The scanner's time grows with the square of the nesting.
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise _UnfitError("is nested too deeply")
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def get_node(self) -> yaml.Node | None:
        node: yaml.Node | None = super().get_node()
        if node is not None:
            _count(node, {})
        return node


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def documents(where: str, content: str, most_bytes: int = MOST_BYTES) -> list[JsonValue]:
    """The documents without members that are null; ProviderRefused says what is wrong with `where`."""
    if len(content.encode(errors="replace")) > most_bytes:
        raise ProviderRefused(f"{where} is larger than {most_bytes} bytes: split it.")
    try:
        return _documents(content)
    except _UnfitError as error:
        raise ProviderRefused(f"{where} {error}.") from error
    except ValidationError as error:
        raise ProviderRefused(f"{where} holds something that JSON has not.") from error
    except yaml.YAMLError as error:
        raise ProviderRefused(f"{where} is not valid YAML: {_place(error)}.") from error
    except RecursionError as error:
        raise ProviderRefused(f"{where} is nested too deeply.") from error


def _documents(content: str) -> list[JsonValue]:
    parsed: list[object] = list(yaml.load_all(content, Loader=_Loader))
    found = [without_nulls(_JSON.validate_python(document, strict=True)) for document in parsed]
    try:
        json.dumps(found, allow_nan=False)
    except ValueError as error:
        raise _UnfitError("holds a number that JSON has not") from error
    return found


def _place(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{error.problem or 'unreadable'} at line {mark.line + 1}, column {mark.column + 1}"
    return "it holds characters that YAML has not"


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """How many nodes there are once every alias is written out; refuses too many of them, and repeated keys."""
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = MOST_NODES + 1  # An alias inside of what it stands for has no end.
    total = 1
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if len(keys) != len(set(keys)):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise _UnfitError(f'has the key "{twice}" twice in the mapping at line {node.start_mark.line + 1}')
        total += sum(_count(key, known) + _count(value, known) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        total += sum(_count(item, known) for item in node.value)
    if total > MOST_NODES:
        raise _UnfitError(f"holds more than {MOST_NODES} values once its aliases are written out")
    known[id(node)] = total
    return total
