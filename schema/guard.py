"""Lets a document run only when it has been read by the schema's policy; in time, and with its cost in the answer.

As an extension of the schema, so that it holds on every way to an operation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from typing import Any

from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from schema.documents import Cost, Document, Documents
from schema.limits import Limits
from schema.refusing import too_slow


class Guard(SchemaExtension):
    """Of one operation. The context may carry the document where the transport has read it already."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._cost: Cost | None = None

    def on_parse(self) -> Generator[None]:
        document = self._document()
        self.execution_context.graphql_document = document.tree
        if document.tree is None:
            raise document.errors[0]
        yield

    def on_validate(self) -> Generator[None]:
        context = self.execution_context
        document = self._document()
        errors = list(document.errors)
        if not errors:
            self._cost = self._documents.cost(document, context.operation_name, context.variables)
            refused = self._documents.refused(self._cost, context.variables)
            errors = [refused] if refused else []
        context.pre_execution_errors = errors
        yield

    async def on_execute(self) -> AsyncGenerator[None]:
        """Mutations take their time: an answer that comes late is better than an effect that nobody is told of."""
        limits = self._documents.policy.limits
        mutation = self.execution_context.operation_type is OperationType.MUTATION
        limit = asyncio.timeout(None if mutation else limits.execution_seconds)
        try:
            async with limit:
                yield
        except TimeoutError:
            if limit.expired():
                raise too_slow(limits) from None
            raise

    def get_results(self) -> dict[str, Any]:
        """Nothing for subscriptions, where it would be repeated with each event."""
        if self._cost is None or self.execution_context.operation_type is OperationType.SUBSCRIPTION:
            return {}
        return {"cost": used(self._cost, self._documents.policy.limits)}

    def _document(self) -> Document:
        context = self.execution_context
        read = getattr(context.context, "document", None)
        if isinstance(read, Document) and read.text == context.query:
            return read
        return self._documents.read_now(context.query or "")


def used(cost: Cost, limits: Limits) -> dict[str, dict[str, int]]:
    """Each measure with its limit."""
    shape = cost.shape
    return {
        "depth": {"used": shape.depth, "limit": limits.max_depth},
        "fields": {"used": shape.fields, "limit": limits.max_fields},
        "aliases": {"used": shape.aliases, "limit": limits.max_aliases},
        "directives": {"used": shape.directives, "limit": limits.max_directives},
        "nodes": {"used": cost.nodes, "limit": limits.max_nodes},
    }
