"""Measures a document before it is validated: one pass, each fragment visited once, counters that saturate.

Knows the document alone, not the schema, and costs what is linear in the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

MOST = 1_000_000
"""Where the counters stop."""

# Selections inside one another, through fragments too; far beyond what the depth of fields allows a document.
_DEEPEST_WALK = 64
# Never more tokens than the parser counts. Possessive, and strings need no end: each character is seen once.
_TOKEN = re.compile(
    r'[\s,\ufeff]++|#[^\n\r]*+|"""(?:[^"\\]++|\\(?:""")?+|"(?!""))*+(?:""")?+|"(?:[^"\\\n\r]++|\\.)*+"?+|[\w.+-]++|.'
)
_IGNORED = frozenset("\t\n\v\f\r ,\ufeff")


@dataclass(frozen=True, slots=True)
class Shape:
    """What one selection comes to with its fragments expanded.

    `width` counts the fields of its first level, `selections` the fields and the fragments.
    """

    depth: int = 0
    fields: int = 0
    selections: int = 0
    aliases: int = 0
    directives: int = 0
    width: int = 0

    def beside(self, other: Shape) -> Shape:
        return Shape(
            max(self.depth, other.depth),
            min(self.fields + other.fields, MOST),
            min(self.selections + other.selections, MOST),
            min(self.aliases + other.aliases, MOST),
            min(self.directives + other.directives, MOST),
            min(self.width + other.width, MOST),
        )


def within(text: str, most: int) -> bool:
    """Whether a document has no more tokens, comments counted like them, before its characters are looked at."""
    counted = 0
    for match in _TOKEN.finditer(text):
        if text[match.start()] not in _IGNORED:
            counted += 1
            if counted > most:
                return False
    return True


def few(value: object, most: int) -> bool:
    """Whether a JSON value has no more values in it, itself and names not counted."""
    waiting, counted = [value], 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            inner = list(cast("dict[str, object]", one).values())
        else:
            inner = cast("list[object]", one) if isinstance(one, list) else []
        counted += len(inner)
        if counted > most:
            return False
        waiting += inner
    return True


def shape_of(operation: OperationDefinitionNode, fragments: Fragments) -> Shape:
    """The operation as a whole, its own directives and those of its variables included."""
    own = len(operation.directives or ()) + sum(
        len(variable.directives or ()) for variable in operation.variable_definitions or ()
    )
    return _selected(operation.selection_set, fragments, 0).beside(Shape(directives=own))


def repeats_of(
    definition: OperationDefinitionNode | FragmentDefinitionNode, fragments: Fragments, most: int
) -> int:
    """How many pairs of selections share a place in the answer, counted up to a little over `most`.

    Validation compares each such pair. For definitions whose selections are bounded, and without cycles: fragments
    are walked through wherever they are spread.
    """
    levels, pairs = [[definition.selection_set]], 0
    while levels and pairs <= most:
        places: dict[str, list[FieldNode]] = {}
        for node in _fields(levels.pop(), fragments.definitions):
            places.setdefault((node.alias or node.name).value, []).append(node)
        for together in places.values():
            pairs += len(together) * (len(together) - 1) // 2
            inner = [node.selection_set for node in together if node.selection_set]
            levels += [inner] if inner else []
    return pairs


def _fields(
    selections: list[SelectionSetNode], fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[FieldNode]:
    """The fields of one level."""
    for selection in (one for several in selections for one in several.selections):
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, InlineFragmentNode):
            yield from _fields([selection.selection_set], fragments)
        elif isinstance(selection, FragmentSpreadNode) and selection.name.value in fragments:
            yield from _fields([fragments[selection.name.value].selection_set], fragments)


@dataclass
class Fragments:
    """The fragments of a document, each measured at most once; `cyclic` once one has led back to itself."""

    definitions: dict[str, FragmentDefinitionNode]
    measured: dict[str, Shape] = field(default_factory=dict[str, Shape])
    entered: set[str] = field(default_factory=set[str])
    cyclic: bool = False

    def shape(self, name: str, level: int) -> Shape:
        """One that leads back to itself, or is not there, counts as nothing: validation refuses it."""
        if name in self.measured:
            return self.measured[name]
        definition = self.definitions.get(name)
        self.cyclic |= name in self.entered
        if definition is None or name in self.entered:
            return Shape()
        self.entered.add(name)
        own = Shape(directives=len(definition.directives or ()))
        self.measured[name] = _selected(definition.selection_set, self, level).beside(own)
        return self.measured[name]


def _selected(selections: SelectionSetNode, fragments: Fragments, level: int) -> Shape:
    if level > _DEEPEST_WALK:
        return Shape(depth=MOST)
    return _together(_selection(one, fragments, level) for one in selections.selections)


def _together(shapes: Iterable[Shape]) -> Shape:
    whole = Shape()
    for shape in shapes:
        whole = whole.beside(shape)
    return whole


def _selection(selection: SelectionNode, fragments: Fragments, level: int) -> Shape:
    itself = Shape(selections=1, directives=len(selection.directives or ()))
    if isinstance(selection, FieldNode):
        return _field(selection, fragments, level).beside(itself)
    if isinstance(selection, FragmentSpreadNode):
        return fragments.shape(selection.name.value, level + 1).beside(itself)
    if isinstance(selection, InlineFragmentNode):
        return _selected(selection.selection_set, fragments, level + 1).beside(itself)
    return itself


def _field(node: FieldNode, fragments: Fragments, level: int) -> Shape:
    """Introspection has no depth: a tool's standard query is 14 deep, and a rule of validation bounds it."""
    inner = Shape() if node.selection_set is None else _selected(node.selection_set, fragments, level + 1)
    meta = node.name.value.startswith("__")
    return Shape(
        depth=inner.depth if inner.depth >= MOST else 0 if meta else inner.depth + 1,
        fields=min(inner.fields + 1, MOST),
        selections=inner.selections,
        aliases=inner.aliases + (node.alias is not None),
        directives=inner.directives,
        width=0 if node.name.value == "__typename" else 1,
    )
