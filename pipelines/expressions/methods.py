"""The methods of texts that the expression library lacks, named as in the reference so that its users' files work.

Each is pure and bounded; a wrong argument raises TypeError or ValueError without naming a value.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

MAX_TEXT = 262_144
MAX_PARTS = 10_000


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _index(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("not a whole number")
    return value


def _lower(value: object) -> object:
    return _text(value).lower()


def _upper(value: object) -> object:
    return _text(value).upper()


def _trim(value: object) -> object:
    return _text(value).strip()


def _length(value: object) -> object:
    return len(_text(value))


def _is_empty(value: object) -> object:
    return not _text(value)


def _equals(value: object, other: object) -> object:
    return type(value) is type(other) and value == other


def _concat(value: object, other: object) -> object:
    if len(_text(value)) + len(_text(other)) > MAX_TEXT:
        raise ValueError("too large")
    return _text(value) + _text(other)


def _index_of(value: object, part: object) -> object:
    return _text(value).find(_text(part))


def _replace(value: object, old: object, new: object) -> object:
    text, before, after = _text(value), _text(old), _text(new)
    if len(text) + text.count(before) * len(after) > MAX_TEXT:
        raise ValueError("too large")
    return text.replace(before, after)


def _substring(value: object, start: object, end: object = None) -> object:
    text = _text(value)
    first, last = _index(start), len(text) if end is None else _index(end)
    if not 0 <= first <= last <= len(text):
        raise ValueError("outside of the text")
    return text[first:last]


def _split(value: object, separator: object) -> object:
    text, between = _text(value), _text(separator)
    if not between or text.count(between) >= MAX_PARTS:
        raise ValueError("no separator, or too many parts")
    return text.split(between)


METHODS: Mapping[str, Callable[..., object]] = MappingProxyType(
    {
        "concat": _concat,
        "equals": _equals,
        "indexOf": _index_of,
        "isEmpty": _is_empty,
        "length": _length,
        "replace": _replace,
        "split": _split,
        "substring": _substring,
        "toLowerCase": _lower,
        "toUpperCase": _upper,
        "trim": _trim,
    }
)
