"""What an operator can set about documents and load; part of server.settings. Imports nothing of the project."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class LoadSettings(BaseSettings):
    """Bounds on what one client, one document, one operation may take. Zero switches a rate off."""

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
    rate_per_second: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="Operations per second of one subject, or of one address without a token, on average;"
        " mutations and others are counted apart; 0: no limit; unset: 200, and none with `UNSHIP_AUTH=none`",
    )
    rate_burst: int = Field(default=2000, ge=1, description="How many operations a subject may send at once")
    introspection: bool | None = Field(
        default=None,
        description="Whether the schema may be read by clients, errors say what was perhaps meant, and browsers"
        " get the explorer page; unset: only with `UNSHIP_AUTH=none` on a loopback address",
    )
