"""Follows an execution: everything after a cursor from the events table, then live, until it has ended.

The table is the truth. The bell only says that it is worth a look; a slow poll is the net below it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import col

from db.queries.columns import columns_of
from db.queries.events import EventRow
from db.statuses import FINISHED_EXECUTIONS, EventType
from db.tables import Event, Execution
from pipelines.runtime import Runtime

_BATCH = 100
POLL_SECONDS = 5.0
_EVENTS_AFTER = (
    sa.select(*columns_of(Event, EventRow))
    .where(col(Event.execution_id) == sa.bindparam("execution"), col(Event.sequence) > sa.bindparam("after"))
    .order_by(col(Event.sequence))
    .limit(sa.bindparam("limit"))
)
_FINISHED = frozenset(status.value for status in FINISHED_EXECUTIONS)


class ExecutionNotFound(Exception):
    """There is no execution of that id to follow."""


@dataclass(frozen=True)
class Batch:
    """Events in order; `has_more` where further past ones follow at once."""

    events: tuple[EventRow, ...]
    has_more: bool


async def follow(runtime: Runtime, execution_id: str, after: int = 0) -> AsyncGenerator[Batch]:
    """Batches of at most 100 events with a sequence above `after`; ends after the terminal event.

    Raises ExecutionNotFound. Where the cursor lies behind the terminal event, ends at once.
    """
    with runtime.bell.listen(execution_id) as rung:
        await _require(runtime, execution_id)
        while True:
            rung.clear()
            rows = await events_after(runtime, execution_id, after, _BATCH + 1)
            batch = Batch(rows[:_BATCH], has_more=len(rows) > _BATCH)
            if batch.events:
                after = batch.events[-1].sequence
                yield batch
            if batch.events and _is_terminal(batch.events[-1]):
                return
            if not batch.events and await _ended_at(runtime, execution_id, after):
                return
            if not batch.has_more:
                await _rung_or_poll(rung)


async def events_after(runtime: Runtime, execution_id: str, after: int, limit: int) -> tuple[EventRow, ...]:
    """The next `limit` events of the execution after that sequence, in order."""
    async with runtime.database.follow() as connection:
        rows = await connection.execute(_EVENTS_AFTER, {"execution": execution_id, "after": after, "limit": limit})
        return tuple(EventRow(*row) for row in rows)


def _is_terminal(event: EventRow) -> bool:
    return event.type is EventType.EXECUTION_STATUS_CHANGED and event.status in _FINISHED


async def _require(runtime: Runtime, execution_id: str) -> None:
    async with runtime.database.follow() as connection:
        found = await connection.execute(sa.select(col(Execution.id)).where(col(Execution.id) == execution_id))
        if found.first() is None:
            raise ExecutionNotFound(execution_id)


async def _ended_at(runtime: Runtime, execution_id: str, sequence: int) -> bool:
    """Whether the execution has ended and no event is left after that sequence."""
    async with runtime.database.follow() as connection:
        row = (
            await connection.execute(
                sa.select(col(Execution.status), col(Execution.last_sequence)).where(
                    col(Execution.id) == execution_id
                )
            )
        ).one()
    return row.status in FINISHED_EXECUTIONS and row.last_sequence <= sequence


async def _rung_or_poll(rung: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(POLL_SECONDS):
            await rung.wait()
    except TimeoutError:
        return
