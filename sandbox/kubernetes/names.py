"""Names and template hashes as Kubernetes makes them. Imports core.wire."""

import random

from sandbox.core.wire import Object, canonical, is_list, is_map

SAFE = "bcdfghjklmnpqrstvwxz2456789"
HASH_LABEL = "pod-template-hash"
REVISION_LABEL = "controller-revision-hash"
IGNORED_LABELS = frozenset({HASH_LABEL, REVISION_LABEL})


def random_suffix() -> str:
    """Five letters that spell no word."""
    return "".join(random.choice(SAFE) for _ in range(5))


def normalised(template: Object) -> Object:
    """A template without what says nothing: nulls, empty values, creationTimestamp, the hash labels."""
    clean = _clean(template)
    return clean if is_map(clean) else {}


def template_hash(template: Object, collisions: int = 0) -> str:
    """The hash label of a template; equal meaning gives an equal hash."""
    text = canonical(normalised(template)) + (str(collisions) if collisions else "")
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return "".join(SAFE[ord(digit) % len(SAFE)] for digit in str(value))


def _clean(value: object) -> object:
    if is_map(value):
        return {
            name: kept
            for name, inner in value.items()
            if name != "creationTimestamp"
            and name not in IGNORED_LABELS
            and (kept := _clean(inner)) not in (None, {}, [], "")
        }
    if is_list(value):
        return [_clean(item) for item in value]
    return value
