"""Opaque cursors: the sort key of a row, tagged with the order that it belongs to."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any, cast

from db.queries.listing import CursorKey, Listing, SortKey
from resolvers.errors import InputRefused, RefusalCode

_LONGEST = 4096
_LARGEST_INTEGER = 2**31 - 1


def encode(listing: Listing[Any], key: CursorKey) -> str:
    """The cursor of the row with this key in this list."""
    values = [value.isoformat() if isinstance(value, datetime) else value for value in key]
    text = json.dumps([listing.name, *values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(listing: Listing[Any], cursor: str, argument: str) -> CursorKey:
    """The key in a cursor; InputRefused for anything that `encode` did not make for this order."""
    try:
        key = _parse(listing, cursor)
        if encode(listing, key) == cursor:
            return key
    except (ValueError, RecursionError):
        pass
    raise InputRefused(
        RefusalCode.INVALID_CURSOR,
        f"`{argument}` is not a cursor of this list in this order; use one from `pageInfo` or `edges` as it is.",
    )


def _parse(listing: Listing[Any], cursor: str) -> CursorKey:
    if len(cursor) > _LONGEST:
        raise ValueError("too long")
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("not base64") from error
    parsed: object = json.loads(text)
    if not isinstance(parsed, list):
        raise ValueError("not a list")
    values = cast("list[object]", parsed)
    if len(values) != len(listing.order) + 1 or values[0] != listing.name:
        raise ValueError("another order")
    return tuple(map(_value, listing.order, values[1:]))


def _value(term: SortKey, value: object) -> str | int | datetime | None:
    if value is None and term.nullable:
        return None
    if term.kind is int and type(value) is int and 0 <= value <= _LARGEST_INTEGER:
        return value
    if isinstance(value, str) and storable(value):
        if term.kind is str:
            return value
        if term.kind is datetime:
            return _utc(value)
    raise ValueError("another type")


def _utc(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    if value.tzinfo != UTC:
        raise ValueError("not UTC")
    return value


def storable(text: str) -> bool:
    """Whether a database can hold the text: no NUL and no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
