"""Loads what a query selects of a list's rows before GraphQL visits them one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode
from strawberry.utils.str_converters import to_camel_case

from resolvers.loading import Relation
from schema.context import Ctx

Relations = Mapping[str, Relation[Any, Any, Any]]


async def warm(info: Ctx, relations: Relations, rows: Sequence[Any], below: str | None = None) -> None:
    """Load those relations, by the Python name of their field, that the current field selects.

    `below` names a field between the current one and the rows (`node` of an edge). What is selected under a
    directive is left to whoever resolves it.
    """
    if not rows or not relations:
        return
    raw: Any = getattr(info, "_raw_info")  # noqa: B009 - strawberry's own view of the selection is slow
    names = _names((node.selection_set for node in raw.field_nodes), raw.fragments, below)
    wanted = [one for name, one in relations.items() if to_camel_case(name) in names]
    if wanted:
        await info.context.loaders.warm(wanted, rows)


def _names(
    selections: Iterable[SelectionSetNode | None],
    fragments: Mapping[str, FragmentDefinitionNode],
    below: str | None,
) -> set[str]:
    fields = [field for one in selections if one is not None for field in _fields(one, fragments)]
    if below is not None:
        inner = (field.selection_set for field in fields if field.name.value == below)
        return _names(inner, fragments, None)
    return {field.name.value for field in fields}


def _fields(selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> list[FieldNode]:
    found: list[FieldNode] = []
    for selection in selections.selections:
        if selection.directives:
            continue
        if isinstance(selection, FieldNode):
            found.append(selection)
        elif isinstance(selection, InlineFragmentNode):
            found += _fields(selection.selection_set, fragments)
        elif isinstance(selection, FragmentSpreadNode):
            found += _fields(fragments[selection.name.value].selection_set, fragments)
    return found
