"""Which accepted executions should be carried by now, and which need be no more; the engine compares."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import col

from db.columns import now
from db.database import Database
from db.statuses import ACTIVE_EXECUTIONS
from db.tables import Execution

_HAND_OVER_SECONDS = 5.0


def settled_before(started: datetime) -> datetime:
    """Those accepted before are no longer on their way to the engine of this process, which has `started` then."""
    return max(started, now() - timedelta(seconds=_HAND_OVER_SECONDS))


async def settled_executions(database: Database, before: datetime) -> Sequence[str]:
    """The active executions that were accepted before that moment, or by a clock that has been set back since."""
    settled = sa.or_(col(Execution.created_at) < before, col(Execution.created_at) > now())
    query = sa.select(col(Execution.id)).where(col(Execution.status).in_(ACTIVE_EXECUTIONS), settled)
    async with database.read() as connection:
        return (await connection.scalars(query)).all()


async def unfinished(database: Database, execution_ids: Sequence[str], before: datetime) -> set[str]:
    """Those of the executions that had not ended before that moment."""
    query = sa.select(col(Execution.id)).where(
        col(Execution.id).in_(execution_ids),
        col(Execution.status).in_(ACTIVE_EXECUTIONS) | (col(Execution.finished_at) >= before),
    )
    async with database.read() as connection:
        return set((await connection.scalars(query)).all())
