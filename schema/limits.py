"""Bounds on a document's shape, checked with its validation: one pass, each fragment visited once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

MOST_TOKENS = 1000
_DEEPEST = 10
_MOST_ALIASES = 15


@dataclass(frozen=True)
class _Shape:
    depth: int = 0
    aliases: int = 0


class ShapeLimits(ASTValidationRule):
    """Fields nested at most 10 deep and at most 15 aliases per operation, fragments expanded.

    Introspection is left out: its own depth is bounded by its types.
    """

    def enter_document(self, node: DocumentNode, *_: Any) -> None:
        fragments = {one.name.value: one for one in node.definitions if isinstance(one, FragmentDefinitionNode)}
        measured: dict[str, _Shape] = {}
        for operation in node.definitions:
            if not isinstance(operation, OperationDefinitionNode):
                continue
            shape = _measure(operation.selection_set, fragments, measured)
            if shape.depth > _DEEPEST:
                self.report_error(GraphQLError(f"Fields are nested more than {_DEEPEST} deep.", [operation]))
            if shape.aliases > _MOST_ALIASES:
                self.report_error(GraphQLError(f"There are more than {_MOST_ALIASES} aliases.", [operation]))


def _measure(
    selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode], measured: dict[str, _Shape]
) -> _Shape:
    depth = aliases = 0
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            inner = _field(selection, fragments, measured)
        elif isinstance(selection, FragmentSpreadNode):
            inner = _fragment(selection.name.value, fragments, measured)
        elif isinstance(selection, InlineFragmentNode):
            inner = _measure(selection.selection_set, fragments, measured)
        else:
            inner = _Shape()
        depth = max(depth, inner.depth)
        aliases = min(aliases + inner.aliases, _MOST_ALIASES + 1)
    return _Shape(depth, aliases)


def _field(field: FieldNode, fragments: dict[str, FragmentDefinitionNode], measured: dict[str, _Shape]) -> _Shape:
    aliased = int(field.alias is not None)
    if field.name.value.startswith("__"):
        return _Shape(0, aliased)
    inner = _Shape() if field.selection_set is None else _measure(field.selection_set, fragments, measured)
    return _Shape(inner.depth + 1, inner.aliases + aliased)


def _fragment(name: str, fragments: dict[str, FragmentDefinitionNode], measured: dict[str, _Shape]) -> _Shape:
    """Measured once. One that leads back to itself, which another rule refuses, counts as nothing."""
    if name not in measured:
        measured[name] = _Shape()
        if name in fragments:
            measured[name] = _measure(fragments[name].selection_set, fragments, measured)
    return measured[name]
