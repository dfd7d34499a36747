"""Permission is asked again when an execution begins: a grant may have ended while it waited."""

from __future__ import annotations

import sqlalchemy as sa
from sqlmodel import col

from db.security.access import NOTHING
from db.security.grants import access_of
from db.statuses import ExecutionStatus
from db.tables import Execution
from pipelines.abort import request_abort
from pipelines.permission import PERMISSION_DENIED, denial, environments_of
from pipelines.plan import Plan
from pipelines.runtime import Runtime


async def stop_if_forbidden(runtime: Runtime, execution_id: str) -> None:
    """Withdraw an execution that has not begun, if who asked for it may no longer have it.

    One that has begun goes on: half a rollback is worse than one by somebody who has left since.
    """
    if not runtime.rules.authorize:
        return
    async with runtime.database.write() as session:
        found = (
            await session.execute(
                sa.select(col(Execution.status), col(Execution.plan)).where(col(Execution.id) == execution_id)
            )
        ).one()
        if found.status is not ExecutionStatus.QUEUED:
            return
        by = Plan.model_validate(found.plan).by
        # Accepted when nobody was asked for credentials: nobody is known to answer for it.
        access = NOTHING if by is None or by.unrestricted else await access_of(session, by)
        denied = await denial(session, access, await environments_of(session, execution_id))
        if denied is not None:
            await request_abort(session, execution_id, f"{PERMISSION_DENIED} when it was to begin: {denied}")
    runtime.bell.ring(execution_id)
