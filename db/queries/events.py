"""The journal of an execution, read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from db.queries.columns import columns_of
from db.queries.listing import Listing, SortKey
from db.statuses import EventType, ExecutionStatus
from db.tables import Event


class EventRow(NamedTuple):
    execution_id: str
    sequence: int
    occurred_at: datetime
    type: EventType
    stage_id: str | None
    step_id: str | None
    status: str | None
    message: str | None
    ready: int | None
    desired: int | None


@dataclass(frozen=True)
class Events:
    """All events of each execution, in order."""

    def listing(self) -> Listing[EventRow]:
        identity = (col(Event.execution_id), col(Event.sequence))
        return Listing(
            name="events",
            row=EventRow,
            columns=columns_of(Event, EventRow),
            identity=identity,
            search=sa.select(*identity),
            order=(SortKey(col(Event.sequence), "sequence", int),),
            parents=(col(Event.execution_id),),
        )


async def status_at(connection: AsyncConnection, execution_id: str, sequence: int) -> ExecutionStatus | None:
    """The status that an execution had right after the event of that sequence; None before its first."""
    statement = (
        sa.select(col(Event.status))
        .where(
            col(Event.execution_id) == execution_id,
            col(Event.type) == EventType.EXECUTION_STATUS_CHANGED,
            col(Event.sequence) <= sequence,
        )
        .order_by(col(Event.sequence).desc())
        .limit(1)
    )
    status = (await connection.execute(statement)).scalar_one_or_none()
    return ExecutionStatus(status) if status is not None else None
