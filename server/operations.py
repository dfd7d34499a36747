"""Which operation of a document a request selects, decided alike for every transport. Imports schema values.

strawberry decides it too, but runs the first of several operations where none is named.
"""

from __future__ import annotations

from graphql import OperationType
from strawberry.types.graphql import OperationType as Kind

from schema.documents import Document, Operation

_KINDS = {
    OperationType.QUERY: Kind.QUERY,
    OperationType.MUTATION: Kind.MUTATION,
    OperationType.SUBSCRIPTION: Kind.SUBSCRIPTION,
}


class NoOperation(Exception):
    """The document has no operation of that name, or several and none was named."""


def selected(document: Document, name: str | None) -> Operation:
    """The operation that a request with that `operationName` runs; NoOperation where there is none."""
    if name is not None:
        found = document.selected(name)
        if found is None:
            raise NoOperation(f'Unknown operation named "{name}".')
        return found
    names = [one.name for one in document.operations]
    if len(names) > 1 and None not in names:
        raise NoOperation("The document has several operations: name the one to run in `operationName`.")
    # An unnamed one among several is left to validation, which says so better.
    if not names:
        raise NoOperation("The document has no operation.")
    return document.operations[0]


def kind_of(operation: Operation) -> Kind:
    return _KINDS[operation.node.operation]
