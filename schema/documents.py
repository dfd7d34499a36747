"""Documents as they arrive: read once, measured before they are validated, remembered with what came out of it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NoFragmentCyclesRule,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    UniqueFragmentNamesRule,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

from schema.discretion import hush
from schema.errors import coded
from schema.limits import Policy
from schema.measuring import Fragments, Shape, few, repeats_of, shape_of, within
from schema.one_of import OneOfRule
from schema.refusing import (
    TooMuch,
    out_of_shape,
    over_budget,
    repeated,
    too_long,
    too_many_definitions,
    too_many_tokens,
    too_many_values,
)
from schema.sizing import nodes_of

_RULES = (*specified_rules, MaybeNullValidationRule, OneOfRule)
_TANGLES = (NoFragmentCyclesRule, UniqueFragmentNamesRule)
_Definition = OperationDefinitionNode | FragmentDefinitionNode
_MOST_ERRORS = 5
_REMEMBERED_CHARACTERS = 2 * 1024 * 1024
# What is longer, or has more tokens, is read beside the event loop, which would stand still meanwhile.
_SHORT_CHARACTERS, _SHORT_TOKENS = 4 * 1024, 200


@dataclass(frozen=True)
class Operation:
    """One operation of a document, and what it comes to with its fragments expanded."""

    node: OperationDefinitionNode
    shape: Shape

    @property
    def name(self) -> str | None:
        return self.node.name.value if self.node.name else None

    @property
    def roots(self) -> frozenset[str]:
        """The names of its first fields, those in fragments aside."""
        selections = self.node.selection_set.selections
        return frozenset(one.name.value for one in selections if isinstance(one, FieldNode))


@dataclass(frozen=True)
class Document:
    """What a text turned out to be. With `errors` nothing of it may run; without a `tree` it was not read."""

    text: str
    errors: tuple[GraphQLError, ...] = ()
    tree: DocumentNode | None = None
    operations: tuple[Operation, ...] = ()
    fragments: Mapping[str, FragmentDefinitionNode] = field(default_factory=dict[str, FragmentDefinitionNode])

    def selected(self, name: str | None) -> Operation | None:
        """The operation of that name, or the first."""
        return next((one for one in self.operations if name is None or one.name == name), None)


@dataclass(frozen=True)
class Cost:
    """What one call uses."""

    shape: Shape
    nodes: int


class Documents:
    """Reads documents by a policy, and remembers the last ones up to two million characters."""

    def __init__(self, schema: GraphQLSchema, policy: Policy) -> None:
        self.policy = policy
        self.schema = schema
        self._rules = _RULES if policy.open else (*_RULES, NoSchemaIntrospectionCustomRule)
        self._remembered: OrderedDict[str, Document] = OrderedDict()
        self._characters = 0
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="documents")

    async def read(self, text: str) -> Document:
        """The document; a long one is read by a thread, one at a time."""
        if text in self._remembered:
            return self._recalled(text)
        if len(text) <= _SHORT_CHARACTERS and within(text, _SHORT_TOKENS):
            return self.read_now(text)
        document = await asyncio.get_running_loop().run_in_executor(self._reader, self._read, text)
        return self._kept(document)

    def read_now(self, text: str) -> Document:
        if text in self._remembered:
            return self._recalled(text)
        return self._kept(self._read(text))

    def cost(self, document: Document, name: str | None, variables: Mapping[str, Any] | None) -> Cost:
        """What running an operation of a valid document comes to."""
        operation = document.selected(name)
        if operation is None:
            return Cost(Shape(), 0)
        return Cost(operation.shape, nodes_of(operation.node, self.schema, document.fragments, variables))

    def refused(self, cost: Cost, variables: object) -> GraphQLError | None:
        """Why a call of that cost, with these variables, may not run."""
        if not few(variables, self.policy.limits.max_values):
            return too_many_values(self.policy.limits)
        return over_budget(cost.nodes, self.policy.limits)

    def _recalled(self, text: str) -> Document:
        self._remembered.move_to_end(text)
        return self._remembered[text]

    def _kept(self, document: Document) -> Document:
        if document.text not in self._remembered:
            self._remembered[document.text] = document
            self._characters += len(document.text)
        while self._characters > _REMEMBERED_CHARACTERS:
            self._characters -= len(self._remembered.popitem(last=False)[0])
        return document

    def _read(self, text: str) -> Document:
        try:
            tree = self._parsed(text)
        except GraphQLError as error:
            return Document(text, tuple(coded([error])))
        nodes = [one for one in tree.definitions if isinstance(one, OperationDefinitionNode)]
        fragments = [one for one in tree.definitions if isinstance(one, FragmentDefinitionNode)]
        refused = too_many_definitions(len(nodes), len(fragments), self.policy.limits)
        if refused is not None:
            return Document(text, (refused,))
        measured = Fragments({one.name.value: one for one in fragments})
        operations = tuple(Operation(node, shape_of(node, measured)) for node in nodes)
        refused = self._guarded(operations, measured)
        tangled = measured.cyclic or len(measured.definitions) < len(fragments)
        errors = (refused,) if refused else self._invalid(tree, tangled=tangled)
        return Document(text, errors, tree, operations, measured.definitions)

    def _guarded(self, operations: Sequence[Operation], fragments: Fragments) -> TooMuch | None:
        """The first limit that a definition exceeds. What no operation spreads is validated too, so it counts."""
        alone = [one for name, one in fragments.definitions.items() if name not in fragments.measured]
        measured: list[tuple[_Definition, Shape]] = [(one.node, one.shape) for one in operations]
        measured += [(one, fragments.shape(one.name.value, 0)) for one in alone]
        limits = self.policy.limits
        for node, shape in measured:
            mutation = isinstance(node, OperationDefinitionNode) and node.operation is OperationType.MUTATION
            refused = out_of_shape(shape, limits, mutation=mutation)
            if refused is None and not fragments.cyclic:
                refused = repeated(repeats_of(node, fragments, limits.max_repeats), limits)
            if refused is not None:
                return refused
        return None

    def _parsed(self, text: str) -> DocumentNode:
        limits = self.policy.limits
        most_bytes = limits.max_document_bytes
        if len(text) > most_bytes or len(text.encode(errors="surrogatepass")) > most_bytes:
            raise too_long(limits)
        if not within(text, limits.max_tokens):
            raise too_many_tokens(limits)
        return parse(text, max_lexical_tokens=limits.max_tokens, max_comments=limits.max_tokens)

    def _invalid(self, tree: DocumentNode, *, tangled: bool) -> tuple[GraphQLError, ...]:
        """What the library finds. Where fragments go in circles or share a name, the measure does not hold for the
        other rules, and that is said alone."""
        rules = _TANGLES if tangled else self._rules
        found = validate(self.schema, tree, rules, max_errors=_MOST_ERRORS, hide_suggestions=not self.policy.open)
        errors = coded(found)
        if not self.policy.open:
            hush(errors, self.schema.type_map)
        return tuple(errors)
