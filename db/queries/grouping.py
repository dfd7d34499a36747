"""Result rows that start with a key, gathered by that key."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

RowT = TypeVar("RowT", bound=tuple[Any, ...])
KeyT = TypeVar("KeyT", bound=Hashable)


def grouped(
    result: Iterable[Sequence[Any]], row: type[RowT], keys: Sequence[KeyT], width: int = 0
) -> list[tuple[RowT, ...]]:
    """For each key its rows in the result's order; a key is the first column, or the first `width` as a tuple."""
    found: dict[Any, list[RowT]] = {}
    for values in result:
        key: Any = tuple(values[:width]) if width else values[0]
        found.setdefault(key, []).append(row(*values[width or 1 :]))
    return [tuple(found.get(key, ())) for key in keys]
