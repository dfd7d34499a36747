"""What an execution did after a cursor, batch by batch, each with the execution as of its last event."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from db.queries.events import EventRow, status_at
from db.queries.executions import ExecutionRow, executions_by_id
from db.statuses import FINISHED_EXECUTIONS, EventType, ExecutionStatus
from pipelines.follow import follow
from pipelines.runtime import Runtime


@dataclass(frozen=True)
class ProgressBatch:
    """Events in order, at least one; `more` where further past ones follow at once."""

    execution: ExecutionRow
    events: tuple[EventRow, ...]
    more: bool


async def find_execution(runtime: Runtime, execution_id: str) -> ExecutionRow | None:
    """The execution as it is now."""
    async with runtime.database.follow() as connection:
        return (await executions_by_id(connection, [execution_id]))[0]


async def progress(runtime: Runtime, execution_id: str, after: int) -> AsyncGenerator[ProgressBatch]:
    """Every event with a sequence above `after`, then live; ends after the terminal one."""
    async with runtime.database.follow() as connection:
        status = await status_at(connection, execution_id, after) or ExecutionStatus.QUEUED
    async with aclosing(follow(runtime, execution_id, after)) as batches:
        async for batch in batches:
            events = tuple(
                EventRow(*(getattr(event, name) for name in EventRow._fields)) for event in batch.events
            )
            status = last_status(events) or status
            row = await find_execution(runtime, execution_id)
            if row is None:
                return
            yield ProgressBatch(as_of(row, status), batch.events, batch.has_more)


def last_status(events: tuple[EventRow, ...]) -> ExecutionStatus | None:
    """The execution's status after these events; None if none of them changed it."""
    changes = (event for event in reversed(events) if event.type is EventType.EXECUTION_STATUS_CHANGED)
    change = next(changes, None)
    return None if change is None or change.status is None else ExecutionStatus(change.status)


def as_of(row: ExecutionRow, status: ExecutionStatus) -> ExecutionRow:
    """The execution as it was in an earlier status: unfinished, if that status was not an end."""
    finished_at = row.finished_at if status in FINISHED_EXECUTIONS else None
    started_at = None if status is ExecutionStatus.QUEUED else row.started_at
    return row._replace(status=status, started_at=started_at, finished_at=finished_at)
