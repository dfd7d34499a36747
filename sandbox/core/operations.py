"""What a request asks a world to do, in the platform's own word for it. Imports the standard library only."""

from __future__ import annotations

from dataclasses import dataclass

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Operation:
    """`name` is the platform's own word; `writes` says whether it can change the world."""

    name: str
    writes: bool


def by_method(method: str, target: str) -> Operation:
    """For platforms whose API is made of resources: the method says what is done, the path to what."""
    return Operation(f"{method} {target}", method not in _READING)
