"""The built schema keeps the public contract, describes all of it, and equals the committed SDL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    is_required_input_field,
)

from schema.building import sdl

_CONTRACT = build_schema(Path(__file__).with_name("contract.graphql").read_text(encoding="utf-8"))
_BUILT = build_schema(sdl())
_COMMITTED = Path(__file__).parents[2] / "schema" / "schema.graphql"


def _kind(kind: GraphQLNamedType) -> str:
    kinds = (GraphQLObjectType, GraphQLInterfaceType, GraphQLEnumType, GraphQLInputObjectType, GraphQLScalarType)
    return next(one.__name__ for one in kinds if isinstance(kind, one))


def _facts(kind: GraphQLNamedType) -> Iterator[str]:
    """Everything a client may rely on, one line each."""
    yield f"{kind.name} is of kind {_kind(kind)}"
    if isinstance(kind, GraphQLEnumType):
        yield from (f"{kind.name}.{value}" for value in kind.values)
    if isinstance(kind, GraphQLObjectType):
        yield from (f"{kind.name} implements {interface.name}" for interface in kind.interfaces)
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in kind.fields.items():
            yield f"{kind.name}.{name}: {field.type}"
            for argument, value in field.args.items():
                yield f"{kind.name}.{name}({argument}: {value.type} = {value.default_value})"
    if isinstance(kind, GraphQLInputObjectType):
        yield f"input {kind.name} oneOf={kind.is_one_of}"
        for name, value in kind.fields.items():
            yield f"input {kind.name}.{name}: {value.type} = {value.default_value}"


def _own_types(schema: GraphQLSchema) -> list[GraphQLNamedType]:
    return [kind for name, kind in schema.type_map.items() if not name.startswith("__")]


def test_everything_in_the_contract_is_in_the_schema() -> None:
    built = {fact for kind in _own_types(_BUILT) for fact in _facts(kind)}
    promised = [fact for kind in _own_types(_CONTRACT) for fact in _facts(kind)]
    assert len(promised) > 400
    assert [fact for fact in promised if fact not in built] == []


# What came later: clients tolerate new values, and leave out what they do not know.
_LATER = {"RunPipelineInput": ["overrides"], "RollbackReasonCode": ["APPROVAL_REQUIRED", "NOTHING_TO_CHANGE"]}


def test_no_contract_input_gains_a_required_field_and_no_enum_gains_a_value_unnoticed() -> None:
    for kind in _own_types(_CONTRACT):
        built, later = _BUILT.type_map[kind.name], _LATER.get(kind.name, [])
        if isinstance(kind, GraphQLEnumType) and isinstance(built, GraphQLEnumType):
            assert list(built.values) == [*kind.values, *later]
        if isinstance(kind, GraphQLInputObjectType) and isinstance(built, GraphQLInputObjectType):
            assert list(built.fields) == [*kind.fields, *later]
            assert not any(is_required_input_field(built.fields[name]) for name in later)


def test_everything_has_a_description() -> None:
    without: list[str] = []
    for kind in _own_types(_BUILT):
        if kind.name in {"String", "Int", "Float", "Boolean", "ID"}:
            continue
        parts: list[tuple[str, Any]] = [(kind.name, kind)]
        if isinstance(kind, GraphQLEnumType):
            parts += [(f"{kind.name}.{name}", value) for name, value in kind.values.items()]
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in kind.fields.items():
                parts.append((f"{kind.name}.{name}", field))
                parts += [(f"{kind.name}.{name}({a})", value) for a, value in field.args.items()]
        if isinstance(kind, GraphQLInputObjectType):
            parts += [(f"{kind.name}.{name}", value) for name, value in kind.fields.items()]
        without += [name for name, part in parts if not (part.description or "").strip()]
    assert without == []


def test_the_committed_sdl_is_the_built_one() -> None:
    assert _COMMITTED.read_text(encoding="utf-8") == sdl()


def test_each_deployment_type_with_a_provider_has_its_own_details() -> None:
    details = _BUILT.type_map["InstanceDetails"]
    assert isinstance(details, GraphQLInterfaceType)
    names = {kind.name for kind in _BUILT.get_implementations(details).objects}
    assert "OtherInstanceDetails" in names
    assert len(names) > 1
