"""How many objects the lists of an operation may come to. For documents that are valid; each fragment once.

A page counts as many as it asks for, a list without pages as `_PLAIN` or as `_LONG` says, the schema as
`_WHOLE_SCHEMA`; lists inside lists multiply, and what ends beside each other adds up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    is_composite_type,
)

from schema.measuring import MOST

PAGE = 100
"""A page whose size is left open, which some lists allow, has this many."""
# The environments of a service, the stages of an execution, the steps of a stage.
_PLAIN = 5
# Lists without pages that grow with the installation.
_LONG = {"Environment.services": 100}
_WHOLE_SCHEMA = 1000
_SIZES = ("first", "last")


@dataclass
class _Walk:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    sized: dict[str, int] = field(default_factory=dict[str, int])


def nodes_of(
    operation: OperationDefinitionNode,
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any] | None,
) -> int:
    """An upper bound, by the sizes that the operation asks for."""
    given = {**_defaults(operation), **(variables or {})}
    root = schema.get_root_type(operation.operation)
    return _selected(operation.selection_set, root, _Walk(schema, fragments, given))


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    return {
        one.variable.name.value: int(one.default_value.value)
        for one in operation.variable_definitions or ()
        if isinstance(one.default_value, IntValueNode)
    }


def _selected(selections: SelectionSetNode, parent: GraphQLNamedType | None, walk: _Walk) -> int:
    total = 0
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            total += _field(selection, parent, walk)
        elif isinstance(selection, FragmentSpreadNode):
            total += _fragment(selection.name.value, walk)
        elif isinstance(selection, InlineFragmentNode):
            condition = selection.type_condition
            inner = walk.schema.get_type(condition.name.value) if condition else parent
            total += _selected(selection.selection_set, inner, walk)
    return min(total, MOST)


def _fragment(name: str, walk: _Walk) -> int:
    if name not in walk.sized:
        walk.sized[name] = 0
        definition = walk.fragments[name]
        condition = walk.schema.get_type(definition.type_condition.name.value)
        walk.sized[name] = _selected(definition.selection_set, condition, walk)
    return walk.sized[name]


def _field(node: FieldNode, parent: GraphQLNamedType | None, walk: _Walk) -> int:
    if node.name.value == "__schema":
        return _WHOLE_SCHEMA
    if node.selection_set is None or not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        return 0
    definition = parent.fields.get(node.name.value)
    if definition is None:
        return 0
    inner = _selected(node.selection_set, _named(definition), walk)
    size = _size(node, definition, parent, walk)
    return inner if size is None else min(size * max(inner, 1), MOST)


def _size(node: FieldNode, definition: GraphQLField, parent: GraphQLNamedType, walk: _Walk) -> int | None:
    """How many it gives; None for what is no list, and for the rows of a page, which the page counts."""
    if "first" in definition.args:
        asked = {one.name.value: one.value for one in node.arguments or ()}
        return max((_number(asked[name], walk) for name in _SIZES if name in asked), default=PAGE)
    if parent.name.endswith("Connection"):
        return None
    if not _is_list_of_objects(definition):
        return None
    return _LONG.get(f"{parent.name}.{node.name.value}", _PLAIN)


def _is_list_of_objects(definition: Any) -> bool:
    return str(definition.type).startswith("[") and is_composite_type(_named(definition))


def _named(definition: Any) -> GraphQLNamedType:
    kind: Any = definition.type
    while hasattr(kind, "of_type"):
        kind = kind.of_type
    return kind


def _number(value: ValueNode, walk: _Walk) -> int:
    if isinstance(value, IntValueNode):
        return min(max(int(value.value[:10]), 0), MOST)
    given = walk.variables.get(value.name.value) if isinstance(value, VariableNode) else None
    return min(max(given, 0), MOST) if isinstance(given, int) else PAGE
