"""The words and codes in which documents over a limit are refused."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import GraphQLError

from schema.limits import Limits
from schema.measuring import Shape


class TooMuch(GraphQLError):
    """A document over a limit; `extensions` carries the code and the limit."""

    def __init__(self, message: str, code: str, limit: float) -> None:
        super().__init__(message, extensions={"code": code, "limit": limit})


def too_long(limits: Limits) -> TooMuch:
    most = limits.max_document_bytes
    return TooMuch(f"The document is longer than {most} bytes; send texts as variables.", "QUERY_TOO_LARGE", most)


def too_many_tokens(limits: Limits) -> TooMuch:
    most = limits.max_tokens
    return TooMuch(f"The document has more than {most} tokens.", "TOO_MANY_TOKENS", most)


def too_many_definitions(operations: int, fragments: int, limits: Limits) -> TooMuch | None:
    """Why a document may not carry so many operations and fragments."""
    if operations > limits.max_operations:
        message = f"The document has more than {limits.max_operations} operations."
        return TooMuch(message, "TOO_MANY_OPERATIONS", limits.max_operations)
    if fragments > limits.max_fragments:
        message = f"The document has more than {limits.max_fragments} fragments."
        return TooMuch(message, "TOO_MANY_FRAGMENTS", limits.max_fragments)
    return None


def out_of_shape(shape: Shape, limits: Limits, *, mutation: bool) -> TooMuch | None:
    """The first limit that an operation of that shape exceeds."""
    return next(_excesses(shape, limits, mutation=mutation), None)


def repeated(pairs: int, limits: Limits) -> TooMuch | None:
    """Why the same fields may not be selected again so often."""
    if pairs <= limits.max_repeats:
        return None
    return TooMuch("The same fields are selected too often.", "TOO_MANY_REPEATS", limits.max_repeats)


def too_many_values(limits: Limits) -> TooMuch:
    most = limits.max_values
    return TooMuch(f"The variables have more than {most} values.", "TOO_MANY_VALUES", most)


def over_budget(nodes: int, limits: Limits) -> TooMuch | None:
    if nodes <= limits.max_nodes:
        return None
    return TooMuch(
        f"The lists of this operation may come to {nodes} objects, and {limits.max_nodes} are allowed;"
        " ask for smaller pages.",
        "TOO_MANY_NODES",
        limits.max_nodes,
    )


def too_many_rows(most: int) -> TooMuch:
    return TooMuch(
        f"The lists of this operation have more than {most} rows; ask for less.", "TOO_MANY_NODES", most
    )


def too_slow(limits: Limits) -> TooMuch:
    return TooMuch(
        f"The operation took longer than {limits.execution_seconds:g} seconds; try again, or ask for less.",
        "EXECUTION_TIMEOUT",
        limits.execution_seconds,
    )


def _excesses(shape: Shape, limits: Limits, *, mutation: bool) -> Iterator[TooMuch]:
    if mutation and shape.width > 1:
        yield TooMuch(
            "An operation may have one mutation; send the others by themselves.", "TOO_MANY_MUTATIONS", 1
        )
    if shape.depth > limits.max_depth:
        yield TooMuch(f"Fields are nested more than {limits.max_depth} deep.", "TOO_DEEP", limits.max_depth)
    # A spread of a fragment with nothing in it costs as well.
    if shape.fields > limits.max_fields or shape.selections > 2 * limits.max_fields:
        yield TooMuch(f"There are more than {limits.max_fields} fields.", "TOO_MANY_FIELDS", limits.max_fields)
    if shape.aliases > limits.max_aliases:
        yield TooMuch(f"There are more than {limits.max_aliases} aliases.", "TOO_MANY_ALIASES", limits.max_aliases)
    if shape.directives > limits.max_directives:
        message = f"There are more than {limits.max_directives} directives."
        yield TooMuch(message, "TOO_MANY_DIRECTIVES", limits.max_directives)
