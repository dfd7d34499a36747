"""Which approvals of rollbacks were asked for, and how far each is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlmodel import col

from db.columns import now
from db.queries.byid import rows_by
from db.queries.columns import columns_of
from db.queries.listing import Condition, Listing, SortKey
from db.statuses import OPEN_APPROVALS, ApprovalStatus
from db.tables import Environment, RollbackApproval


class ApprovalRow(NamedTuple):
    """`status` as it is stored; `status_at` says how it is."""

    id: str
    execution_id: str
    stage_ids: list[str]
    plan_hash: str
    status: ApprovalStatus
    reason: str | None
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    comment: str | None
    rollback_id: str | None

    def status_at(self, moment: datetime) -> ApprovalStatus:
        """How far it is at that moment: an open one is EXPIRED after its time."""
        expired = self.status in OPEN_APPROVALS and self.expires_at <= moment
        return ApprovalStatus.EXPIRED if expired else self.status


@dataclass(frozen=True)
class Approvals:
    """The requests for approval that satisfy everything given, newest first."""

    status: ApprovalStatus | None = None
    execution_id: str | None = None

    def listing(self) -> Listing[ApprovalRow]:
        identity = col(RollbackApproval.id)
        search = sa.select(identity)
        if self.status is not None:
            search = search.where(_in_status(self.status, now()))
        if self.execution_id is not None:
            search = search.where(col(RollbackApproval.execution_id) == self.execution_id)
        order = (SortKey(identity, "id", str, descending=True),)
        columns = columns_of(RollbackApproval, ApprovalRow)
        return Listing("rollback_approvals", ApprovalRow, columns, (identity,), search, order)


def _in_status(status: ApprovalStatus, moment: datetime) -> Condition:
    stored, ends = col(RollbackApproval.status), col(RollbackApproval.expires_at)
    if status is ApprovalStatus.EXPIRED:
        return sa.and_(stored.in_(OPEN_APPROVALS), ends <= moment)
    return sa.and_(stored == status, ends > moment) if status in OPEN_APPROVALS else stored == status


async def approvals_by_id(reader: AsyncConnection | AsyncSession, ids: Sequence[str]) -> list[ApprovalRow | None]:
    return await rows_by(reader, RollbackApproval, ApprovalRow, "id", ids)


async def approvals_of_rollbacks(connection: AsyncConnection, ids: Sequence[str]) -> list[ApprovalRow | None]:
    """The approval that each rollback used; None where it used none."""
    return await rows_by(connection, RollbackApproval, ApprovalRow, "rollback_id", ids)


async def open_approvals(
    reader: AsyncConnection | AsyncSession, execution_ids: Sequence[str], moment: datetime
) -> list[ApprovalRow]:
    """Those of rolling back these executions that are pending, or given and not used, newest first."""
    rows = await reader.execute(
        sa.select(*columns_of(RollbackApproval, ApprovalRow))
        .where(
            col(RollbackApproval.execution_id).in_(execution_ids),
            col(RollbackApproval.status).in_(OPEN_APPROVALS),
            col(RollbackApproval.expires_at) > moment,
        )
        .order_by(col(RollbackApproval.id).desc())
    )
    return [ApprovalRow(*row) for row in rows]


async def requiring_approval(
    reader: AsyncConnection | AsyncSession, environment_ids: Sequence[str]
) -> frozenset[str]:
    """Those of the environments in which a second person has to approve a rollback."""
    definition = sa.type_coerce(col(Environment.definition), sa.JSON())
    rows = await reader.execute(
        sa.select(col(Environment.id)).where(
            col(Environment.id).in_(environment_ids),
            definition["requireRollbackApproval"].as_boolean().is_(True),
        )
    )
    return frozenset(row[0] for row in rows)


async def approval_requirements(connection: AsyncConnection, environment_ids: Sequence[str]) -> list[bool]:
    """Whether each environment is one of those."""
    requiring = await requiring_approval(connection, environment_ids)
    return [one in requiring for one in environment_ids]
