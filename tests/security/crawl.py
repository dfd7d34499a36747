"""Queries for every field there is, made from the schema itself: what is new in it is asked for at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any, cast

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_leaf_type,
)

from schema.building import sdl

_DEEPEST = 4
# What belongs to what somebody names: asked for apart, with every kind of target.
NAMED = {
    "rollbackEligibility",
    "rollbackPlan",
    "node",
    "service",
    "environment",
    "pipeline",
    "instance",
    "execution",
}


@cache
def schema() -> GraphQLSchema:
    return build_schema(sdl())


def object_type(name: str) -> GraphQLObjectType:
    found = schema().type_map[name]
    assert isinstance(found, GraphQLObjectType)
    return found


def node_types() -> list[str]:
    node = schema().type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    return sorted(kind.name for kind in schema().get_implementations(node).objects)


def selections(kind: GraphQLObjectType) -> Iterator[tuple[set[tuple[str, str]], str]]:
    """Selections of all fields of a type, values at once, each object apart; with the fields that they ask for."""
    values = [name for name, field in kind.fields.items() if is_leaf_type(_named(field))]
    if values:
        yield {(kind.name, name) for name in values}, " ".join(values)
    for name, field in kind.fields.items():
        if name not in values and not (kind.name == "Query" and name in NAMED):
            asked = {(kind.name, name)}
            yield asked, _object(name, field, _DEEPEST, asked)


def _object(name: str, field: GraphQLField, depth: int, asked: set[tuple[str, str]]) -> str:
    arguments = "(first: 5)" if "first" in field.args else ""
    return f"{name}{arguments} {{ {_inside(_named(field), depth, asked)} }}"


def _named(field: GraphQLField) -> GraphQLNamedType:
    kind: Any = getattr(field, "type")  # noqa: B009 - its declared type is half unknown
    return cast("GraphQLNamedType", get_named_type(kind))


def _inside(kind: GraphQLNamedType, depth: int, asked: set[tuple[str, str]]) -> str:
    if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
        return _one_of(kind, depth, asked)
    assert isinstance(kind, GraphQLObjectType)
    return " ".join(_parts(kind, depth, asked)) or "__typename"


def _parts(
    kind: GraphQLObjectType, depth: int, asked: set[tuple[str, str]], aliased: frozenset[str] = frozenset()
) -> Iterator[str]:
    node = any(one.name == "Node" for one in kind.interfaces)
    for name, field in kind.fields.items():
        alias = f"{kind.name}_{name}: " if name in aliased else ""
        if is_leaf_type(_named(field)):
            asked.add((kind.name, name))
            yield alias + name
        elif depth > 0 and not node:
            asked.add((kind.name, name))
            yield alias + _object(name, field, depth - 1, asked)


def _one_of(kind: GraphQLInterfaceType | GraphQLUnionType, depth: int, asked: set[tuple[str, str]]) -> str:
    """Fields of one name and several types need names of their own."""
    types: defaultdict[str, set[str]] = defaultdict(set)
    possible = schema().get_possible_types(kind)
    for one in possible:
        for name, field in one.fields.items():
            types[name].add(str(field.type))
    aliased = frozenset(name for name, several in types.items() if len(several) > 1)
    parts = [f"... on {one.name} {{ {' '.join(_parts(one, depth, asked, aliased))} }}" for one in possible]
    return f"__typename {' '.join(parts)}"
