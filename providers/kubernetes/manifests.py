"""Manifest text to objects: the one place that reads YAML of services. Errors name manifest, line and remedy.

A few hundred bytes of aliases can stand for gigabytes, so the size after expansion is counted before anything is
built.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache

import yaml
from pydantic import JsonValue, TypeAdapter, ValidationError

from providers.errors import ProviderRefused
from providers.kubernetes.objects import KubeObject
from providers.kubernetes.tree import Tree, text, trees, without_nulls
from providers.values import Manifest

MANIFEST_TYPE = "K8sManifest"
MOST_BYTES = 1 << 20
MOST_NODES = 100_000
MOST_DEPTH = 64

_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class _Loader(yaml.SafeLoader):
    """YAML as kubectl reads it, dates staying text, and bounded."""

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


def parse_all(manifests: Iterable[Manifest]) -> tuple[KubeObject, ...]:
    """The objects of all manifests in their order; ProviderRefused if one is invalid or named twice."""
    objects: list[KubeObject] = []
    for manifest in manifests:
        if manifest.type != MANIFEST_TYPE:
            raise ProviderRefused(
                f'Manifest "{manifest.identifier}" is of type {manifest.type}; Kubernetes takes {MANIFEST_TYPE}.'
            )
        objects.extend(parse(manifest.identifier, manifest.content))
    seen: set[tuple[str, str, str | None, str]] = set()
    for found in objects:
        if found.ref.identity in seen:
            raise ProviderRefused(f"{found.ref} is in the manifests twice: remove one of them.")
        seen.add(found.ref.identity)
    return tuple(objects)


@lru_cache(maxsize=128)
def parse(identifier: str, content: str, most_bytes: int = MOST_BYTES) -> tuple[KubeObject, ...]:
    """The objects of one manifest, members of a List one by one; ProviderRefused names what is wrong."""
    where = f'Manifest "{identifier}"'
    if len(content.encode(errors="replace")) > most_bytes:
        raise ProviderRefused(f"{where} is larger than {most_bytes} bytes: split it.")
    try:
        documents = _documents(content)
    except _UnfitError as error:
        raise ProviderRefused(f"{where} {error}.") from error
    except ValidationError as error:
        raise ProviderRefused(f"{where} holds something that JSON has not.") from error
    except yaml.YAMLError as error:
        raise ProviderRefused(f"{where} is not valid YAML: {_place(error)}.") from error
    except RecursionError as error:
        raise ProviderRefused(f"{where} is nested too deeply.") from error
    bodies = [body for document in documents if document is not None for body in _bodies(where, document)]
    return tuple(KubeObject.of(body, where) for body in bodies)


def _documents(content: str) -> list[JsonValue]:
    parsed: list[object] = list(yaml.load_all(content, Loader=_Loader))
    documents = [without_nulls(_JSON.validate_python(document, strict=True)) for document in parsed]
    try:
        json.dumps(documents, allow_nan=False)
    except ValueError as error:
        raise _UnfitError("holds a number that JSON has not") from error
    return documents


class _UnfitError(Exception):
    """YAML that is valid and still not accepted; the message completes "Manifest ..."."""


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


def _bodies(where: str, document: JsonValue) -> list[Tree]:
    if not isinstance(document, dict):
        raise ProviderRefused(f"{where} has a document that is not an object with apiVersion and kind.")
    if text(document, "kind") == "List":
        return trees(document, "items")
    return [document]


def _place(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{error.problem or 'unreadable'} at line {mark.line + 1}, column {mark.column + 1}"
    return "it holds characters that YAML has not"
