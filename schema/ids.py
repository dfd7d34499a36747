"""Global ids: opaque, unique over all types, and refused politely when they are not ours."""

from __future__ import annotations

import base64
import binascii
import re

from strawberry import ID

from resolvers.errors import InputRefused, RefusalCode

_PLAIN = re.compile(r"([A-Za-z]{1,32}):([0-9a-f]{32})")


def global_id(type_name: str, database_id: str) -> ID:
    """The public id of a node."""
    return ID(base64.urlsafe_b64encode(f"{type_name}:{database_id}".encode()).decode().rstrip("="))


def split_id(value: str) -> tuple[str, str] | None:
    """The type name and database id in a public id; None for anything else."""
    try:
        padded = value.encode("ascii") + b"=" * (-len(value) % 4)
        plain = _PLAIN.fullmatch(base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii"))
    except (binascii.Error, UnicodeError):
        return None
    if plain is None or global_id(plain[1], plain[2]) != value:
        return None
    return plain[1], plain[2]


def database_id(value: str, type_name: str) -> str | None:
    """The database id in a public id of that type; None for any other value."""
    parts = split_id(value)
    return parts[1] if parts is not None and parts[0] == type_name else None


def required_id(value: str, type_name: str, argument: str) -> str:
    """As `database_id`; InputRefused with INVALID_ID for any other value."""
    found = database_id(value, type_name)
    if found is None:
        wanted = f"{'an' if type_name[0] in 'AEIOU' else 'a'} {type_name}"
        raise InputRefused(
            RefusalCode.INVALID_ID, f"`{argument}` is not the id of {wanted}; pass an `id` as it was read."
        )
    return found
