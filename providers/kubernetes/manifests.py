"""Manifest text to objects. Errors name manifest, line and remedy."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from pydantic import JsonValue

from providers.errors import ProviderRefused
from providers.kubernetes.objects import KubeObject
from providers.kubernetes.values import MANIFEST_TYPE
from providers.tree import Tree, text, trees
from providers.values import Manifest
from providers.yaml_text import MOST_BYTES, documents


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
    found = documents(where, content, most_bytes)
    bodies = [body for document in found if document is not None for body in _bodies(where, document)]
    return tuple(KubeObject.of(body, where) for body in bodies)


def _bodies(where: str, document: JsonValue) -> list[Tree]:
    if not isinstance(document, dict):
        raise ProviderRefused(f"{where} has a document that is not an object with apiVersion and kind.")
    if text(document, "kind") == "List":
        return trees(document, "items")
    return [document]
