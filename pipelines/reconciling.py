"""Finds accepted executions that no workflow carries: a crash came between the commit and the hand-over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import col

from db.columns import now
from db.database import Database
from db.statuses import ACTIVE_EXECUTIONS
from db.tables import Execution

_HAND_OVER_SECONDS = 5.0


async def reconcile(database: Database, lost: Callable[[Sequence[str]], Awaitable[list[str]]]) -> list[str]:
    """The active executions that `lost` says nobody carries; those accepted just now are still on their way."""
    settled = now() - timedelta(seconds=_HAND_OVER_SECONDS)
    async with database.read() as connection:
        active = (
            await connection.execute(
                sa.select(col(Execution.id)).where(
                    col(Execution.status).in_(ACTIVE_EXECUTIONS), col(Execution.created_at) < settled
                )
            )
        ).scalars()
        execution_ids = list(active)
    return await lost(execution_ids) if execution_ids else []
