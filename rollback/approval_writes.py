"""The steps of an approval's life: each is taken from the right status only, and by one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import now
from db.statuses import OPEN_APPROVALS, ApprovalStatus
from db.tables import RollbackApproval


async def give(session: AsyncSession, approval_id: str, by: str, comment: str | None, until: datetime) -> bool:
    """Approve a request that waits; False where it does not any more."""
    values = {"decided_by": by, "decided_at": now(), "comment": comment, "expires_at": until}
    return await _move(session, approval_id, (ApprovalStatus.PENDING,), ApprovalStatus.APPROVED, values)


async def refuse(session: AsyncSession, approval_id: str, by: str, comment: str | None) -> bool:
    """Reject a request, or an approval that was not used; False where it is neither."""
    values = {"decided_by": by, "decided_at": now(), "comment": comment}
    return await _move(session, approval_id, OPEN_APPROVALS, ApprovalStatus.REJECTED, values)


async def spend(session: AsyncSession, approval_id: str) -> bool:
    """Use an approval up; False where it is used, taken back or over."""
    return await _move(session, approval_id, (ApprovalStatus.APPROVED,), ApprovalStatus.USED, {})


async def spent_on(session: AsyncSession, approval_id: str, rollback_id: str) -> None:
    """Say which rollback used it."""
    of_it = col(RollbackApproval.id) == approval_id
    await session.execute(sa.update(RollbackApproval).where(of_it).values(rollback_id=rollback_id))


async def outdate(session: AsyncSession, approval_ids: Sequence[str]) -> None:
    """Those of them that are open come to nothing: their plan is another one by now."""
    for approval_id in approval_ids:
        await _move(session, approval_id, OPEN_APPROVALS, ApprovalStatus.STALE, {})


async def _move(
    session: AsyncSession,
    approval_id: str,
    before: Sequence[ApprovalStatus],
    after: ApprovalStatus,
    values: dict[str, Any],
) -> bool:
    changed = await session.execute(
        sa.update(RollbackApproval)
        .where(
            col(RollbackApproval.id) == approval_id,
            col(RollbackApproval.status).in_(before),
            col(RollbackApproval.expires_at) > now(),
        )
        .values(status=after, **values)
        .returning(col(RollbackApproval.id))
    )
    return changed.first() is not None
