"""Batches of one request: loads that are asked for at the same time become one call of a batch function.

A batch function answers keys with values in key order; its batches are kept for one request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from sqlalchemy.ext.asyncio import AsyncConnection

from db.security.access import EVERYTHING, Access, Standing
from db.security.grants import access_of
from pipelines.runtime import Runtime
from resolvers.batching import Batches
from resolvers.visibility import seen_of

RowT = TypeVar("RowT")
KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")
ResultT = TypeVar("ResultT")
Query = Callable[[AsyncConnection, Sequence[KeyT]], Awaitable[Sequence[ValueT]]]
Call = Callable[[Runtime, Access, Sequence[KeyT]], Awaitable[Sequence[ValueT]]]


@dataclass(frozen=True)
class Relation(Generic[RowT, KeyT, ValueT]):
    """How a row leads to what belongs to it: a batch function, and the key in the row (None: nothing belongs)."""

    query: Query[KeyT, ValueT]
    key: Callable[[RowT], KeyT | None]


class Loaders:
    """The batch functions of one request, each asked once per level; `by` is who asks.

    What he may not see is as if it were not there.
    """

    def __init__(self, runtime: Runtime, by: Standing) -> None:
        self.runtime = runtime
        self.by = by
        self._batches: dict[Callable[..., Any], Batches[Any, Any]] = {}
        self._access = Batches(self._accesses)

    async def access(self) -> Access:
        """What he may do now; looked up once."""
        return EVERYTHING if self.by.unrestricted else await self._access.value(self.by)

    async def load(self, query: Query[KeyT, ValueT], key: KeyT) -> ValueT:
        """The value of one key, read from the database together with all others of this level."""
        return await self._of_query(query).value(key)

    async def ask(self, call: Call[KeyT, ValueT], key: KeyT) -> ValueT:
        """The value of one key, asked of the domain together with all others of this level."""

        async def answer(keys: list[KeyT]) -> Sequence[ValueT]:
            return await call(self.runtime, await self.access(), keys)

        batches: Batches[KeyT, ValueT] = self._batches.setdefault(call, Batches(answer))
        return await batches.value(key)

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
        batches, key = self._of_query(relation.query), relation.key(row)
        if key in batches.values:
            return make(batches.values[key])
        return cast("ResultT", _later(batches, key, make))

    async def warm(self, relations: Iterable[Relation[RowT, Any, Any]], rows: Sequence[RowT]) -> None:
        """Load the relations of all rows. What fails is raised to those who ask for it, not here."""
        coming: list[Awaitable[None]] = []
        for one in relations:
            keys = dict.fromkeys(key for row in rows if (key := one.key(row)) is not None)
            coming.append(self._of_query(one.query).come(keys))
        await asyncio.gather(*coming)

    async def _accesses(self, standings: list[Standing]) -> list[Access]:
        async with self.runtime.database.read() as connection:
            return [await access_of(connection, by) for by in standings]

    def _of_query(self, query: Query[KeyT, ValueT]) -> Batches[KeyT, ValueT]:
        batches = self._batches.get(query)
        if batches is None:

            async def read(keys: list[KeyT]) -> Sequence[ValueT]:
                environments = (await self.access()).visible
                async with self.runtime.database.read() as connection:
                    if environments is None:
                        return await query(connection, keys)
                    return await seen_of(connection, query, keys, environments)

            batches = self._batches[query] = Batches(read)
        return batches


def _existing(value: ValueT | None) -> ValueT:
    if value is None:
        raise LookupError("a row that others refer to is not there")
    return value


async def _later(batches: Batches[KeyT, ValueT], key: KeyT, make: Callable[[ValueT], ResultT]) -> ResultT:
    return make(await batches.value(key))
