"""Writes documents from the schema at random: each fits it, but for a few values, and asks for what is there."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    build_schema,
)

from schema.building import sdl

_TEXTS = (
    "",
    "service1",
    "environment1",
    "pipeline1",
    "waiting",
    "a\\u0000b",
    "%_\\\\",
    "\\uD83D\\uDE80",
    "' OR 1=1 --",
    "x" * 3000,
    "U2VydmljZTox",
    "\\u202e",
    "[]",
    "-1",
)
_NUMBERS = ("0", "1", "1", "2", "3", "5", "7", "100", "101", "-1", "2147483647", "-2147483648")
_JSON = ('{tag: "a"}', '{a: "b", c: {d: [1, null]}}', "[]", '"text"', "null", "7")
_TIMES = (
    '"2026-01-31T08:00:00Z"',
    '"2026-01-31T08:00:00.000001+14:00"',
    '"2026-01-31"',
    '"0001-01-01T00:00:00+14:00"',
    '"9999-12-31T23:59:59-14:00"',
    '"now"',
)
_ODD = ("null", "true", '"text"', "3.5e300", "{}", "[]", "[[[]]]", "NOTHING", "$v")


class Writer:
    """Writes one operation at a time, by `chance`, with these ids among its values."""

    def __init__(self, chance: random.Random, ids: Sequence[str]) -> None:
        self._schema = build_schema(sdl())
        self._chance = chance
        self._ids = ids
        self.selected: set[str] = set()
        """Every field that was asked for so far, as Type.field."""

    def operation(self, kind: str) -> str:
        root: Any = {"query": self._schema.query_type, "mutation": self._schema.mutation_type}[kind]
        fields = self._chance.sample(list(root.fields), 1 if kind == "mutation" else self._chance.randint(1, 2))
        depth = self._chance.randint(2, 5)
        return f"{kind} {{ {' '.join(self._field(name, root.fields[name], depth) for name in fields)} }}"

    def _field(self, name: str, definition: Any, depth: int) -> str:
        arguments = [
            f"{one}: {self._value(argument.type)}"
            for one, argument in definition.args.items()
            if _is_required(argument) or one == "first" or self._chance.random() < 0.3
        ]
        written = name + (f"({', '.join(arguments)})" if arguments else "")
        selections = self._selections(_named(definition.type), depth)
        return written + (f" {{ {' '.join(selections)} }}" if selections else "")

    def _selections(self, kind: Any, depth: int) -> list[str]:
        if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
            possible = list(self._schema.get_possible_types(kind))
            chosen = self._chance.sample(possible, min(len(possible), 2))
            among = [f"... on {one.name} {{ {' '.join(self._fields(one, depth))} }}" for one in chosen]
            return [*self._fields(kind, depth), *among]
        return self._fields(kind, depth) if isinstance(kind, GraphQLObjectType) else []

    def _fields(self, kind: Any, depth: int) -> list[str]:
        fields = [] if isinstance(kind, GraphQLUnionType) or depth <= 0 else list(kind.fields.items())
        chosen = self._chance.sample(fields, min(len(fields), self._chance.randint(1, 5)))
        self.selected.update(f"{kind.name}.{name}" for name, _ in chosen)
        return ["__typename", *(self._field(name, one, depth - 1) for name, one in chosen)]

    def _value(self, kind: Any) -> str:
        chance = self._chance
        if chance.random() < 0.02:
            return chance.choice(_ODD)
        if isinstance(kind, GraphQLNonNull):
            return self._value(_inner(kind))
        if isinstance(kind, GraphQLList):
            return f"[{', '.join(self._value(_inner(kind)) for _ in range(chance.randint(0, 2)))}]"
        if isinstance(kind, GraphQLInputObjectType):
            return self._object(kind)
        choices = list(kind.values) if isinstance(kind, GraphQLEnumType) else self._scalars(kind.name)
        return chance.choice(choices)

    def _scalars(self, name: str) -> Sequence[str]:
        texts = [f'"{text}"' for text in _TEXTS]
        ids = [f'"{one}"' for one in self._ids]
        known = {"Int": _NUMBERS, "Boolean": ("true", "false"), "ID": ids, "JSON": _JSON, "DateTime": _TIMES}
        return known.get(name, texts)

    def _object(self, kind: GraphQLInputObjectType) -> str:
        names = list(kind.fields)
        given = [self._chance.choice(names)] if kind.is_one_of else names
        written = [
            f"{name}: {self._value(kind.fields[name].type)}"
            for name in given
            if _is_required(kind.fields[name]) or kind.is_one_of or self._chance.random() < 0.5
        ]
        return f"{{{', '.join(written)}}}"


def _inner(kind: Any) -> Any:
    return kind.of_type


def _is_required(argument: Any) -> bool:
    return isinstance(argument.type, GraphQLNonNull)


def _named(kind: Any) -> Any:
    return _named(kind.of_type) if hasattr(kind, "of_type") else kind


def broken(text: str, chance: random.Random) -> str:
    """The text with a few characters, tokens or halves gone wrong."""
    ways: list[Callable[[str, int], str]] = [
        lambda old, at: old[:at] + chance.choice('{}()[]:$@!|&"#.,\n\0\ud800é0') + old[at:],
        lambda old, at: old[:at] + old[at + chance.randint(1, 5) :],
        lambda old, at: old[at:] + old[:at],
        lambda old, at: old[:at] + old[: chance.randint(0, 40)] + old[at:],
    ]
    for _ in range(chance.randint(1, 3)):
        text = chance.choice(ways)(text, chance.randrange(len(text) + 1))
    return text
