"""Which accepted executions should be carried by now; the engine finds those that are not."""

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
    """The active executions that were accepted before that moment."""
    query = sa.select(col(Execution.id)).where(
        col(Execution.status).in_(ACTIVE_EXECUTIONS), col(Execution.created_at) < before
    )
    async with database.read() as connection:
        return (await connection.scalars(query)).all()
