"""Queries made from the schema at random, asked by each kind of caller; UNSHIP_FUZZ says how many documents."""

import random
from pathlib import Path

import pytest
from graphql import GraphQLObjectType, build_schema
from hypothesis_graphql import queries

from schema.building import build, sdl
from tests.schema.fuzz import generated, written
from tests.schema.fuzz.asking import BY_HYPOTHESIS
from tests.schema.fuzz.writing import Writer, broken


@pytest.mark.parametrize("part", range(written.PARTS))
def test_whatever_is_asked_by_whomever_no_defect_shows(tmp_path: Path, part: int) -> None:
    assert written.share_answered(tmp_path, "query", part) > 0.2, "documents that are worth asking"


def test_the_documents_ask_for_every_field() -> None:
    writer = Writer(random.Random(0), ["a"])
    for kind in ("query", "mutation") * 4000:
        writer.operation(kind)
    fields = {
        f"{one.name}.{name}"
        for one in build_schema(sdl()).type_map.values()
        if isinstance(one, GraphQLObjectType) and not one.name.startswith("__")
        for name in one.fields
    }
    roots = ("Query.", "Mutation.", "Subscription.", "ExecutionProgress.")
    assert not {field for field in fields - writer.selected if not field.startswith(roots)}


def test_what_another_generator_asks_shows_no_defect(tmp_path: Path) -> None:
    assert generated.share_answered(tmp_path, queries, BY_HYPOTHESIS // 2) > 0.2


def test_broken_documents_are_refused_with_a_code() -> None:
    chance, refused = random.Random(5), 0
    writer = Writer(chance, ["a"])
    for _ in range(1000):
        document = build().documents.read_now(broken(writer.operation("query"), chance))
        refused += bool(document.errors)
        for error in document.errors:
            assert (error.extensions or {})["code"] in (
                "GRAPHQL_PARSE_FAILED",
                "GRAPHQL_VALIDATION_FAILED",
                "TOO_MANY_NODES",
            )
    assert refused > 500
