"""Documents made from the schema at random: whatever is asked, the answer is data or a coded error, no defect.

The same documents for each role, half queries and half mutations; UNSHIP_FUZZ=10000 in the environment asks for
so many instead of a few.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, cast

import pytest
import sqlalchemy as sa
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
)
from sqlmodel import col

from db.columns import now
from db.security.access import Standing, unrestricted
from db.statuses import Role
from db.tables import Environment, Grant
from pipelines.runtime import Rules
from schema.building import build, sdl
from schema.context import RequestContext
from schema.documents import Document
from tests.schema.api import SMALL, Api, open_api

CASES = int(os.environ.get("UNSHIP_FUZZ", "240"))
_EACH = CASES // 2
_TEXTS = (
    "",
    "service1",
    "environment1",
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


class Maker:
    """Writes one operation at a time; `wild` values do not always fit their types."""

    def __init__(self, schema: GraphQLSchema, chance: random.Random, ids: list[str]) -> None:
        self._schema = schema
        self._chance = chance
        self._ids = ids

    def operation(self, kind: str) -> str:
        root: Any = {"query": self._schema.query_type, "mutation": self._schema.mutation_type}[kind]
        fields = self._chance.sample(list(root.fields), 1 if kind == "mutation" else self._chance.randint(1, 2))
        depth = self._chance.randint(1, 3)
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
        if isinstance(kind, GraphQLUnionType):
            return ["__typename"]
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            return []
        fields = list(kind.fields.items())
        if depth <= 0:
            return ["__typename"]
        chosen = self._chance.sample(fields, min(len(fields), self._chance.randint(1, 5)))
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


async def _ids(api: Api) -> list[str]:
    """Ids that are there, of every kind, and some that are not."""
    found = await api.data(
        "{ services(first: 2) { nodes { id } } environments(first: 2) { nodes { id } } "
        "executions(first: 3) { nodes { id stages { id steps { id } } } } instances(first: 2) { nodes { id } } }"
    )

    def ids(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            for one in cast("list[Any]", value):
                yield from ids(one)
        elif isinstance(value, dict):
            yield from ids(list(cast("dict[str, Any]", value).values()))

    return [*ids(found), "", "nothing", "U2VydmljZTo", "=" * 50]


async def _standings(api: Api) -> list[Standing]:
    """One of each role, one who sees a single environment, and one of whom nobody asks who he is."""
    until = now() + timedelta(days=1)
    async with api.runtime.database.write() as session:
        environment = (await session.execute(sa.select(sa.func.min(col(Environment.id))))).scalar_one()
        session.add(
            Grant(
                subject="guest",
                role=Role.DEPLOYER,
                environment_id=environment,
                created_by="tests",
                expires_at=until,
            )
        )
    named = [Standing(role.value, role=role, until=until) for role in Role]
    return [*named, Standing("guest", until=until), unrestricted("tester")]


async def _answered(api: Api, document: Document, by: Standing) -> bool:
    """Whether there is data; every error must have a code, and be none of ours."""
    result = await build().execute(document.text, {}, RequestContext(api.runtime, by, document=document))
    for error in result.errors or []:
        code = (error.extensions or {}).get("code")
        assert code not in (None, "UNEXPECTED", "UNAVAILABLE"), (by.subject, document.text, error)
        assert "Traceback" not in error.message
    return result.data is not None


@pytest.mark.parametrize("kind", ["query", "mutation"])
def test_whatever_is_asked_by_whomever_no_defect_shows(tmp_path: Any, kind: str) -> None:
    async def check() -> None:
        rules = Rules(authorize=True, post_prod_rollback=True)
        async with open_api(f"sqlite:///{tmp_path}/unship.db", SMALL, rules) as api:
            standings = await _standings(api)
            maker = Maker(build_schema(sdl()), random.Random(11), await _ids(api))
            answered = 0
            for _ in range(_EACH):
                document = build().documents.read_now(maker.operation(kind))
                for by in standings:
                    answered += await _answered(api, document, by)
            # The documents are worth asking: many pass validation.
            assert answered > _EACH * len(standings) / 5

    asyncio.run(check())


def _mutated(text: str, chance: random.Random) -> str:
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


def test_broken_documents_are_refused_with_a_code() -> None:
    chance, refused = random.Random(5), 0
    documents = build().documents
    maker = Maker(build_schema(sdl()), chance, ["a"])
    for _ in range(_EACH):
        document = documents.read_now(_mutated(maker.operation("query"), chance))
        refused += bool(document.errors)
        for error in document.errors:
            assert (error.extensions or {})["code"] in (
                "GRAPHQL_PARSE_FAILED",
                "GRAPHQL_VALIDATION_FAILED",
                "TOO_MANY_NODES",
            )
    assert refused > _EACH / 2
