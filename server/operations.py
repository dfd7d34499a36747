"""Which operation of a document a request selects, decided alike for every transport. Imports graphql_request.

strawberry decides it too, but runs the first of several operations where none is named, and answers differently
when it streams.
"""

from __future__ import annotations

from functools import lru_cache

from graphql import OperationDefinitionNode, OperationType, parse
from strawberry.types.graphql import OperationType as Kind

from server.graphql_request import GraphQLRequest

# Against documents whose parsing would take seconds; the schema's own limit, which users see, is far lower.
_MAX_TOKENS = 10_000
_LONGEST_CACHED = 16 * 1024
_CACHED_DOCUMENTS = 256

_KINDS = {
    OperationType.QUERY: Kind.QUERY,
    OperationType.MUTATION: Kind.MUTATION,
    OperationType.SUBSCRIPTION: Kind.SUBSCRIPTION,
}


class NoOperation(Exception):
    """The document has no operation of that name, or several and none was named."""


def selected_kind(request: GraphQLRequest) -> Kind:
    """The kind of the selected operation. Raises NoOperation, and GraphQLSyntaxError for what is no document."""
    cached = len(request.query) <= _LONGEST_CACHED
    operations = (_cached_operations if cached else _last_operations)(request.query)
    if request.operation_name is not None:
        for name, kind in operations:
            if name == request.operation_name:
                return kind
        raise NoOperation(f'Unknown operation named "{request.operation_name}".')
    names = [name for name, _ in operations]
    if len(names) > 1 and None not in names:
        raise NoOperation("The document has several operations: name the one to run in `operationName`.")
    # An unnamed one among several is left to validation, which says so better.
    for _, kind in operations:
        return kind
    raise NoOperation("The document has no operation.")


def _operations(query: str) -> tuple[tuple[str | None, Kind], ...]:
    """(name, kind) of each operation of the document."""
    return tuple(
        (definition.name.value if definition.name else None, _KINDS[definition.operation])
        for definition in parse(query, no_location=True, max_tokens=_MAX_TOKENS).definitions
        if isinstance(definition, OperationDefinitionNode)
    )


_cached_operations = lru_cache(_CACHED_DOCUMENTS)(_operations)
# Of the longer ones the last alone: it is asked about more than once while it is dealt with.
_last_operations = lru_cache(1)(_operations)
