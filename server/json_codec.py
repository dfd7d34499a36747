"""JSON at the door: strict when reading, tolerant when writing. Imports nothing of the project."""

from __future__ import annotations

import json

import orjson


def decode(text: bytes | str) -> object:
    """Parse JSON; ValueError for anything else.

    orjson refuses what makes others fall over: nesting beyond 1,024, numbers that overflow, lone surrogates, a
    byte order mark, NaN, invalid UTF-8.
    """
    return orjson.loads(text)


def encode(value: object) -> bytes:
    """Write JSON as UTF-8. Integers beyond 64 bits and lone surrogates, which orjson refuses, go the slow way."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()
