"""A request to a foundation, and what may be done with it when something goes wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

Effect = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Call:
    """One request. `doing` completes "Unship could not ...".

    `effect` is awaited directly before each try of a request that changes something. `repeatable` says whether it
    may be sent again when the answer was lost.
    """

    doing: str
    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    body: JsonValue = None
    effect: Effect | None = None
    repeatable: bool = True


@dataclass(frozen=True)
class Answer:
    """Status, content, and two of the headers."""

    status: int
    content: bytes
    retry_after: str | None = None
    location: str | None = None
