"""Batches of one request: loads that are asked for at the same time become one call of a batch function.

A batch function answers keys with values in key order; its loader is derived from it and lives for one request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.dataloader import DataLoader

from pipelines.runtime import Runtime

RowT = TypeVar("RowT")
KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")
ResultT = TypeVar("ResultT")
Query = Callable[[AsyncConnection, Sequence[KeyT]], Awaitable[Sequence[ValueT]]]
Call = Callable[[Runtime, str, Sequence[KeyT]], Awaitable[Sequence[ValueT]]]


@dataclass(frozen=True)
class Relation(Generic[RowT, KeyT, ValueT]):
    """How a row leads to what belongs to it: a batch function, and the key in the row (None: nothing belongs)."""

    query: Query[KeyT, ValueT]
    key: Callable[[RowT], KeyT | None]


class Loaders:
    """The batch functions of one request, each asked once per level; `subject` is who asks."""

    def __init__(self, runtime: Runtime, subject: str) -> None:
        self.runtime = runtime
        self.subject = subject
        self._loaders: dict[Callable[..., Any], DataLoader[Any, Any]] = {}

    def load(self, query: Query[KeyT, ValueT], key: KeyT) -> asyncio.Future[ValueT]:
        """The value of one key, read from the database together with all others of this level."""

        async def read(keys: list[KeyT]) -> Sequence[ValueT]:
            async with self.runtime.database.read() as connection:
                return await query(connection, keys)

        return self._future(query, read, key)

    def ask(self, call: Call[KeyT, ValueT], key: KeyT) -> asyncio.Future[ValueT]:
        """The value of one key, asked of the domain together with all others of this level."""

        async def answer(keys: list[KeyT]) -> Sequence[ValueT]:
            return await call(self.runtime, self.subject, keys)

        return self._future(call, answer, key)

    async def load_existing(self, query: Query[KeyT, ValueT | None], key: KeyT) -> ValueT:
        """As `load`, for a key that must be there; LookupError, a defect, if it is not."""
        return _existing(await self.load(query, key))

    def one(
        self, relation: Relation[RowT, Any, ValueT | None], row: RowT, make: Callable[[ValueT], ResultT]
    ) -> ResultT:
        """What must belong to the row; see `mapped`."""
        return self.mapped(relation, row, lambda value: make(_existing(value)))

    def optional(
        self, relation: Relation[RowT, Any, ValueT | None], row: RowT, make: Callable[[ValueT], ResultT]
    ) -> ResultT | None:
        """What may belong to the row; see `mapped`."""
        if relation.key(row) is None:
            return None
        return self.mapped(relation, row, lambda value: None if value is None else make(value))

    def mapped(
        self, relation: Relation[RowT, Any, ValueT], row: RowT, make: Callable[[ValueT], ResultT]
    ) -> ResultT:
        """What belongs to the row: at once if it was warmed, else as an awaitable, which GraphQL awaits.

        The type says what it comes to; one task less per field makes a page twice as fast.
        """
        future = self.load(relation.query, relation.key(row))
        if future.done():
            return make(future.result())
        return cast("ResultT", _later(future, make))

    async def warm(self, relations: Iterable[Relation[RowT, Any, Any]], rows: Sequence[RowT]) -> None:
        """Load the relations of all rows. What fails is raised to those who ask for it, not here."""
        keys = ((one.query, one.key(row)) for one in relations for row in rows)
        futures = {self.load(query, key) for query, key in keys if key is not None}
        await asyncio.gather(*futures, return_exceptions=True)

    def _future(
        self,
        function: Callable[..., Any],
        load: Callable[[list[Any]], Awaitable[Sequence[Any]]],
        key: Hashable,
    ) -> asyncio.Future[Any]:
        loader = self._loaders.get(function)
        if loader is None:
            loader = self._loaders[function] = DataLoader(load_fn=load)
        return cast("asyncio.Future[Any]", loader.load(key))


def _existing(value: ValueT | None) -> ValueT:
    if value is None:
        raise LookupError("a row that others refer to is not there")
    return value


async def _later(future: asyncio.Future[ValueT], make: Callable[[ValueT], ResultT]) -> ResultT:
    return make(await future)
