"""Batches of one request: loads that are asked for at the same time become one call of a batch function.

A batch function answers keys with values in key order; its loader is derived from it and lives for one request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.dataloader import DataLoader

from pipelines.runtime import Runtime

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")
Query = Callable[[AsyncConnection, Sequence[KeyT]], Awaitable[Sequence[ValueT]]]
Call = Callable[[Runtime, str, Sequence[KeyT]], Awaitable[Sequence[ValueT]]]


class Loaders:
    """The batch functions of one request, each asked once per level; `subject` is who asks."""

    def __init__(self, runtime: Runtime, subject: str) -> None:
        self.runtime = runtime
        self.subject = subject
        self._loaders: dict[Callable[..., Any], DataLoader[Any, Any]] = {}

    def load(self, query: Query[KeyT, ValueT], key: KeyT) -> Awaitable[ValueT]:
        """The value of one key, read from the database together with all others of this level."""

        async def read(keys: list[KeyT]) -> Sequence[ValueT]:
            async with self.runtime.database.read() as connection:
                return await query(connection, keys)

        return self._loader(query, read).load(key)

    async def load_existing(self, query: Query[KeyT, ValueT | None], key: KeyT) -> ValueT:
        """As `load`, for a key that must be there; LookupError, a defect, if it is not."""
        value = await self.load(query, key)
        if value is None:
            raise LookupError(f"{getattr(query, '__name__', query)} found nothing for {key!r}")
        return value

    def ask(self, call: Call[KeyT, ValueT], key: KeyT) -> Awaitable[ValueT]:
        """The value of one key, asked of the domain together with all others of this level."""

        async def answer(keys: list[KeyT]) -> Sequence[ValueT]:
            return await call(self.runtime, self.subject, keys)

        return self._loader(call, answer).load(key)

    def _loader(
        self, function: Callable[..., Any], load: Callable[[list[Any]], Awaitable[Sequence[Any]]]
    ) -> DataLoader[Any, Any]:
        loader = self._loaders.get(function)
        if loader is None:
            loader = self._loaders[function] = DataLoader(load_fn=load)
        return loader
