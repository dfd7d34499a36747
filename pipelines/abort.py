"""Asks a running execution to stop: after its current step, between which the runner reads the wish."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.security.access import Standing
from db.security.grants import access_of
from db.statuses import ACTIVE_EXECUTIONS, ExecutionStatus
from db.tables import Execution
from pipelines import journal
from pipelines.answers import Refused, Started
from pipelines.permission import PERMISSION_DENIED, denial, environments_of, sees_execution
from pipelines.runtime import Runtime


async def abort_execution(
    runtime: Runtime, execution_id: str, by: Standing, reason: str | None
) -> Started | Refused:
    """Request the stop; asking again for one that is stopping already is answered the same."""
    why = f"Aborted by {by.subject}" + (f": {reason}" if reason else ".")
    async with runtime.database.write() as session:
        status = (
            await session.execute(sa.select(col(Execution.status)).where(col(Execution.id) == execution_id))
        ).scalar_one_or_none()
        access = await access_of(session, by)
        if status is None or not await sees_execution(session, access, execution_id):
            return Refused("NOT_FOUND", "There is no such execution.", ("executionId",))
        denied = await denial(session, access, await environments_of(session, execution_id))
        if denied is not None:
            return Refused(PERMISSION_DENIED, denied, ("executionId",))
        if status not in ACTIVE_EXECUTIONS:
            return Refused(
                "EXECUTION_FINISHED",
                f"The execution has already ended as {status}; there is nothing left to abort.",
                ("executionId",),
            )
        await request_abort(session, execution_id, why)
    runtime.bell.ring(execution_id)
    return Started(execution_id)


async def request_abort(session: AsyncSession, execution_id: str, reason: str) -> None:
    """Record the wish within the caller's transaction; only the first one counts."""
    first = await session.execute(
        sa.update(Execution)
        .where(col(Execution.id) == execution_id, ~col(Execution.abort_requested))
        .values(abort_requested=True, abort_reason=reason)
        .returning(col(Execution.id))
    )
    if first.first() is not None:
        await journal.move_execution(session, execution_id, ExecutionStatus.ABORTING, reason)
