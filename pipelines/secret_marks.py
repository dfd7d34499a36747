"""Secrets in recorded values: a mark stands where the value goes, so that no secret is ever stored.

`secrets.getValue("id")` renders to a mark when a stage is recorded; the value takes its place only in the
moment of the call that needs it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pydantic import JsonValue

_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")


def mark(identifier: str) -> str:
    """The mark of that secret, to be used as the resolver of `secrets.getValue` while recording."""
    return f"{_OPEN}{identifier}{_CLOSE}"


def has_mark(text: str) -> bool:
    """Whether text from outside contains what only `mark` may write; such text must be refused."""
    return _OPEN in text or _CLOSE in text


def reveal(value: JsonValue, resolve: Callable[[str], str], revealed: set[str]) -> JsonValue:
    """The value with each mark replaced by its secret; the secrets are added to `revealed` for masking."""
    if isinstance(value, str):
        return _MARK.sub(lambda found: _resolved(found.group(1), resolve, revealed), value)
    if isinstance(value, list):
        return [reveal(item, resolve, revealed) for item in value]
    if isinstance(value, dict):
        return {key: reveal(item, resolve, revealed) for key, item in value.items()}
    return value


def _resolved(identifier: str, resolve: Callable[[str], str], revealed: set[str]) -> str:
    secret = resolve(identifier)
    revealed.add(secret)
    return secret
