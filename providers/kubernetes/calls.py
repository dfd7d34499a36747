"""A request to an API server, and what may be done with it when something goes wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

Effect = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Call:
    """One request. `doing` completes "Unship could not ...".

    `effect` is awaited directly before each try of a request that changes something. `repeatable` says whether it
    may be sent again when the answer was lost; `outlasts_conflict` whether a 409 that may pass means "try again".
    """

    doing: str
    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    body: JsonValue = None
    content_type: str = "application/json"
    effect: Effect | None = None
    repeatable: bool = True
    outlasts_conflict: bool = False
