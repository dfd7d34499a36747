"""Closures that turn a resolved value into what the client gets, without the executor's bookkeeping per field.

They never report an error: what they cannot vouch for they give up, and the library's own way is taken instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any

from graphql import GraphQLEnumType, GraphQLID, GraphQLLeafType, GraphQLString, Undefined

Complete = Callable[[Any], Any]
Field = tuple[str, Callable[[Any], Any], Complete]


class Doubtful(Exception):
    """This value has to go the library's way."""


def required(complete: Complete) -> Complete:
    """For a non-null type."""

    def complete_required(value: Any) -> Any:
        completed = complete(value)
        if completed is None:
            raise Doubtful
        return completed

    return complete_required


def list_of(complete: Complete) -> Complete:
    """For a list."""

    def complete_list(value: Any) -> Any:
        if value is None:
            return None
        if type(value) not in (list, tuple):
            raise Doubtful
        return [complete(item) for item in value]

    return complete_list


def object_of(fields: Sequence[Field], only: type | None) -> Complete:
    """For an object: each field's name, how to read it and its completer; `only` is the one class it may have."""

    def complete_object(value: Any) -> Any:
        if value is None:
            return None
        if only is not None and type(value) is not only:
            raise Doubtful
        return {name: complete(read(value)) for name, read, complete in fields}

    return complete_object


def one_of(completer_of: Callable[[type], Complete | None]) -> Complete:
    """For an interface or union: the class of a value tells which object it is."""
    known: dict[type, Complete | None] = {}

    def complete_one(value: Any) -> Any:
        if value is None:
            return None
        found: type = value.__class__
        if found not in known:
            known[found] = completer_of(found)
        complete = known[found]
        if complete is None:
            raise Doubtful
        return complete(value)

    return complete_one


@cache
def leaf(kind: GraphQLLeafType) -> Complete:
    """For a scalar or enum."""
    coerce: Complete = kind.coerce_output_value
    if isinstance(kind, GraphQLEnumType):
        return _member(coerce, {value.value: name for name, value in kind.values.items()})
    exact = str if kind in (GraphQLString, GraphQLID) else None

    def complete_leaf(value: Any) -> Any:
        if value is None or type(value) is exact:
            return value
        return _certain(coerce(value))

    return complete_leaf


def _member(coerce: Complete, names: Mapping[Any, str]) -> Complete:
    def complete_member(value: Any) -> Any:
        if value is None:
            return None
        name = names.get(value.value) if isinstance(value, Enum) else None
        return name or _certain(coerce(value))

    return complete_member


def _certain(coerced: Any) -> Any:
    if coerced is None or coerced is Undefined:
        raise Doubtful
    return coerced
