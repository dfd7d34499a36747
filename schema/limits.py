"""What one document may ask for, and what clients are told about the schema. Imports nothing of the project."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """Bounds on one document, as an operator sets them: the server's settings are such limits too.

    Depth, fields, aliases, directives and repeats hold for each operation with its fragments expanded.
    """

    model_config = ConfigDict(frozen=True)

    max_document_bytes: int = Field(
        default=256 * 1024, ge=256, description="Longest GraphQL document; texts belong into variables"
    )
    max_tokens: int = Field(default=1000, ge=10, description="Most tokens of a document, and most of its comments")
    max_depth: int = Field(
        default=10, ge=1, le=50, description="How deep fields may be nested; introspection apart"
    )
    max_fields: int = Field(default=400, ge=1, description="Most fields of an operation, fragments expanded")
    max_aliases: int = Field(default=15, ge=0, description="Most aliases of one, fragments expanded")
    max_directives: int = Field(default=20, ge=0, description="Most directives of one, fragments expanded")
    max_repeats: int = Field(
        default=1000, ge=10, description="Most pairs of selections of one place in the answer, fragments expanded"
    )
    max_fragments: int = Field(default=20, ge=0, description="Most fragments of a document")
    max_operations: int = Field(
        default=10, ge=1, description="Most operations of a document, of which `operationName` selects one"
    )
    max_values: int = Field(default=2000, ge=10, description="Most values in the variables of an operation")
    max_nodes: int = Field(
        default=10_000,
        ge=100,
        description="Most objects that the lists of an operation may come to: pages as they are asked for, other"
        " lists as 5, multiplied where they are nested",
    )
    execution_seconds: float = Field(
        default=10,
        gt=0,
        le=300,
        allow_inf_nan=False,
        description="How long a query, or the start of a subscription, may take",
    )


@dataclass(frozen=True)
class Policy:
    """`open`: the schema may be read, and errors may name what was perhaps meant."""

    limits: Limits = Limits()
    open: bool = True
