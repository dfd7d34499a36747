"""What expressions read: named roots of plain JSON values, and a way to resolve secrets.

Imports nothing of the project.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import cast

from pydantic import JsonValue

SecretResolver = Callable[[str], str | None]

ROOTS = frozenset(
    {
        "artifact",
        "artifacts",
        "env",
        "execution",
        "infra",
        "INFRA_KEY",
        "INFRA_KEY_SHORT_ID",
        "matrix",
        "pipeline",
        "rollbackArtifact",
        "secrets",
        "service",
        "serviceVariables",
        "stage",
        "steps",
        "strategy",
    }
)
_MAX_DEPTH = 64
# The reference offers the same value under two names; the longer one is where it is kept.
_ALIASES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("artifact",), ("artifacts", "primary")),
    (("execution", "steps"), ("steps",)),
)


class Missing(Enum):
    """What a path that leads nowhere gives; not None, which is a value."""

    MISSING = "MISSING"


MISSING = Missing.MISSING


@dataclass(frozen=True)
class Scope:
    """The values of one moment, copied when made, so that nothing can change them.

    `resolve_secret` gives a secret's value by identifier, or None when there is none; it is asked at rendering and
    its answer never kept. `masked` are texts that came from secrets and stand in the values already.
    """

    roots: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    resolve_secret: SecretResolver | None = field(default=None, repr=False)
    masked: frozenset[str] = field(default=frozenset(), repr=False)

    def find(self, segments: Sequence[str | int]) -> JsonValue | Missing:
        """The value at a path, aliases included; MISSING when it leads nowhere."""
        if not segments:
            return MISSING
        found = follow(self.roots.get(str(segments[0]), MISSING), segments[1:])
        if found is not MISSING:
            return found
        for alias, kept in _ALIASES:
            if tuple(segments[: len(alias)]) == alias:
                return self.find((*kept, *segments[len(alias) :]))
        return MISSING

    def extended(self, **roots: object) -> "Scope":
        """This scope with further roots, or other values for some. Raises TypeError as `scope_of`."""
        return replace(self, roots=MappingProxyType({**self.roots, **_roots(roots)}))

    def with_masked(self, masked: Iterable[str]) -> "Scope":
        """This scope, knowing that these texts came from secrets."""
        return replace(self, masked=self.masked | frozenset(masked))


def scope_of(
    *, resolve_secret: SecretResolver | None = None, masked: Iterable[str] = (), **roots: object
) -> Scope:
    """A scope of these roots, for instance `scope_of(pipeline={"name": "web"}, env={...})`.

    The values are mappings with text keys, sequences, text, numbers, booleans and None; anything else is a defect
    of the caller and raises TypeError.
    """
    return Scope(MappingProxyType(_roots(roots)), resolve_secret, frozenset(masked))


def follow(value: JsonValue | Missing, segments: Sequence[str | int]) -> JsonValue | Missing:
    """The value that a path leads to from `value`."""
    for segment in segments:
        if isinstance(value, dict):
            value = value.get(str(segment), MISSING)
        elif isinstance(value, list) and str(segment).isascii() and str(segment).isdigit():
            index = int(segment)
            value = value[index] if index < len(value) else MISSING
        else:
            return MISSING
    return value


@dataclass(frozen=True)
class InfrastructureKey:
    """`INFRA_KEY` and `INFRA_KEY_SHORT_ID`: lower-case hexadecimal, the same for the same target for ever."""

    key: str
    short_id: str


def infrastructure_key(service: str, environment: str, infrastructure: str) -> InfrastructureKey:
    """The key of a target, from the identifiers of its parts."""
    digest = hashlib.sha256(f"{service}\0{environment}\0{infrastructure}".encode()).hexdigest()
    return InfrastructureKey(digest[:40], digest[:8])


def _roots(roots: Mapping[str, object]) -> dict[str, JsonValue]:
    return {name: _copied(value, _MAX_DEPTH) for name, value in roots.items()}


def _copied(value: object, depth: int) -> JsonValue:
    if depth == 0:
        raise TypeError(f"a scope is at most {_MAX_DEPTH} deep")
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {_key(key): _copied(item, depth - 1) for key, item in items}
    if isinstance(value, list | tuple):
        return [_copied(item, depth - 1) for item in cast("Sequence[object]", value)]
    raise TypeError(f"a scope holds plain JSON values, not {type(value).__name__}")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a scope has text keys, not {type(key).__name__}")
    return str(key)
