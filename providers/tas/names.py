"""The names of a service's apps: which belong together, and what each is for. Pure.

`name` serves; `name__INACTIVE` is the previous version, or the next one of blue/green before its swap;
`name__NEXT` is being set up or moved; `name__0`, `name__1` ... are older versions that are kept.
"""

from __future__ import annotations

from collections.abc import Collection

MOST_OLDER = 10


def inactive(name: str) -> str:
    return f"{name}__INACTIVE"


def upcoming(name: str) -> str:
    return f"{name}__NEXT"


def older(name: str) -> tuple[str, ...]:
    return tuple(f"{name}__{number}" for number in range(MOST_OLDER))


def family(name: str) -> tuple[str, ...]:
    """Every name that an app of this service may have."""
    return (name, inactive(name), upcoming(name), *older(name))


def free_older(name: str, taken: Collection[str]) -> str:
    """The first name of an older version that nobody has; the last of them where all are taken."""
    return next((one for one in older(name) if one not in taken), older(name)[-1])
