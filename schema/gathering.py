"""Waits for the fields of one answer as the library does, but lets each of them begin before it can be cancelled.

Without this, a field that fails leaves coroutines behind that nobody awaits, each with a warning;
https://github.com/graphql-python/graphql-core/issues/269 is a case of it.
"""

from __future__ import annotations

from asyncio import CancelledError, Future, ensure_future, gather, sleep
from collections.abc import Awaitable
from typing import Any


async def gather_begun(*awaitables: Awaitable[Any]) -> list[Any]:
    """All results in their order. When one raises, or this is cancelled, the others are cancelled and waited for.

    A task that is cancelled before its first step never awaits what it was given.
    """
    futures: list[Future[Any]] = [ensure_future(awaitable) for awaitable in awaitables]
    try:
        await sleep(0)
        return await gather(*futures)
    except (Exception, CancelledError):
        for future in futures:
            future.cancel()
        await gather(*futures, return_exceptions=True)
        raise
