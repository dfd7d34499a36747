"""The second person's word on rollbacks."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from db.columns import UtcDateTime, new_id, now, text_enum
from db.statuses import ApprovalStatus


class RollbackApproval(SQLModel, table=True):
    """One person's request to roll back some stages of an execution, and another's answer.

    It is for the plan with this hash alone, until `expires_at`, and once: `rollback_id` is the execution that used
    it. `reason` is why it was asked for, `comment` what was said to it.
    """

    id: str = Field(default_factory=new_id, primary_key=True)
    execution_id: str = Field(foreign_key="execution.id", index=True)
    stage_ids: list[str] = Field(sa_type=sa.JSON)
    plan_hash: str
    status: ApprovalStatus = Field(default=ApprovalStatus.PENDING, sa_type=text_enum(ApprovalStatus))
    reason: str | None = None
    requested_by: str
    requested_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    decided_by: str | None = None
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    comment: str | None = None
    rollback_id: str | None = Field(default=None, foreign_key="execution.id", index=True)
