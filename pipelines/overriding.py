"""Reasons against an execution that may be set aside, with permission and a justification. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.answers import Refused
from pipelines.freezing import FROZEN

_OVERRIDABLE = frozenset({FROZEN})


@dataclass(frozen=True)
class Override:
    """`code` is that of the reason to set aside."""

    code: str
    justification: str


def refused_overrides(overrides: Iterable[Override]) -> Refused | None:
    """Why these overrides cannot be asked for, whoever asks; None where they can."""
    for override in overrides:
        if override.code not in _OVERRIDABLE:
            return Refused("OVERRIDE_NOT_ALLOWED", f"{override.code} cannot be overridden.", ("overrides",))
        if not override.justification.strip():
            message = f"Say in `justification` why {override.code} may be set aside; it is kept."
            return Refused("JUSTIFICATION_REQUIRED", message, ("overrides",))
    return None


def kept(overrides: Sequence[Override], set_aside: Iterable[tuple[str, str]]) -> list[dict[str, Any]] | None:
    """What the execution keeps: for each override that had anything to set aside, the messages of that code."""
    said: dict[str, list[str]] = {}
    for code, message in set_aside:
        said.setdefault(code, []).append(message)
    found = [
        {"code": one.code, "justification": one.justification, "setAside": said[one.code]}
        for one in overrides
        if one.code in said
    ]
    return found or None
