"""Every execution that starts or changes status, for dashboards. The table is the truth; the bell only wakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from db.columns import identifier_at, now
from db.queries.executions import ExecutionRow, Executions, statuses_of_active, statuses_since
from db.queries.listing import Window, slices
from db.statuses import FINISHED_EXECUTIONS, ExecutionStatus
from pipelines.runtime import Runtime

_POLL_SECONDS = 2.0
_LATE_COMMIT = timedelta(seconds=60)
_BATCH = 500


async def changed_executions(runtime: Runtime, wanted: Executions) -> AsyncGenerator[ExecutionRow]:
    """The executions of `wanted` as they are after each change from now on; several quick changes are one.

    Those that change together come oldest first. An execution may become visible a little after younger ones,
    when its transaction was slower; the last minute's executions are therefore looked at again.
    """
    async with runtime.database.follow() as connection:
        known = await _statuses(connection, {})
    return _changes(runtime, wanted, known)


async def _changes(
    runtime: Runtime, wanted: Executions, known: Mapping[str, ExecutionStatus]
) -> AsyncGenerator[ExecutionRow]:
    with runtime.bell.listen(None) as rung:
        while True:
            rung.clear()
            async with runtime.database.follow() as connection:
                seen = await _statuses(connection, known)
                changed = tuple(key for key, status in seen.items() if known.get(key) is not status)
                rows = [row for some in _parts(changed) for row in await _read(connection, wanted, some)]
            known = seen
            for row in rows:
                yield row
            await _rung_or_poll(rung)


async def _statuses(
    connection: AsyncConnection, known: Mapping[str, ExecutionStatus]
) -> dict[str, ExecutionStatus]:
    """The statuses of all executions that may still change, that have just changed, or that are young."""
    young = identifier_at(now() - _LATE_COMMIT)
    watched = [key for key, status in known.items() if status not in FINISHED_EXECUTIONS]
    rows = [*await statuses_of_active(connection), *await statuses_since(connection, young, watched)]
    return {row.id: row.status for row in sorted(rows)}


def _parts(keys: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]


async def _read(
    connection: AsyncConnection, wanted: Executions, keys: tuple[str, ...]
) -> tuple[ExecutionRow, ...]:
    listing = replace(wanted, ids=keys).listing()
    found = await slices(connection, listing, [()], Window(_BATCH))
    return tuple(reversed(found[0].rows))


async def _rung_or_poll(rung: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_POLL_SECONDS):
            await rung.wait()
    except TimeoutError:
        return
