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


async def settled_executions(database: Database, started: datetime) -> Sequence[str]:
    """The active executions, but for those accepted just now (after `started`), which are on their way."""
    settled = max(started, now() - timedelta(seconds=_HAND_OVER_SECONDS))
    query = sa.select(col(Execution.id)).where(
        col(Execution.status).in_(ACTIVE_EXECUTIONS), col(Execution.created_at) < settled
    )
    async with database.read() as connection:
        return (await connection.scalars(query)).all()
