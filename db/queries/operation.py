"""What an operator's metrics and probes ask: what is under way, and at which migration the database is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlmodel import col

from db.statuses import ACTIVE_EXECUTIONS, ExecutionKind
from db.tables import Execution


class UnderWay(NamedTuple):
    """How many executions of a kind have not ended, and when the oldest of them was accepted."""

    kind: ExecutionKind
    executions: int
    oldest: datetime


_UNDER_WAY = (
    sa.select(col(Execution.kind), sa.func.count(), sa.func.min(col(Execution.created_at)))
    .where(col(Execution.status).in_(ACTIVE_EXECUTIONS))
    .group_by(col(Execution.kind))
)
_MIGRATION = sa.text("SELECT version_num FROM alembic_version")


async def executions_under_way(connection: AsyncConnection) -> Sequence[UnderWay]:
    return [UnderWay(*row) for row in await connection.execute(_UNDER_WAY)]


async def migration(reader: AsyncConnection | AsyncSession) -> str | None:
    """The migration that the database is at."""
    found: str | None = (await reader.execute(_MIGRATION)).scalar()
    return found
