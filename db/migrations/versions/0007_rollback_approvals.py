"""Rollback approvals. Forward only: the way back is a backup."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "rollbackapproval",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("stage_ids", sa.JSON(), nullable=False),
        sa.Column("plan_hash", sa.String(), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("comment", sa.String(), nullable=True),
        sa.Column("rollback_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["execution_id"], ["execution.id"]),
        sa.ForeignKeyConstraint(["rollback_id"], ["execution.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_rollbackapproval_execution_id", "rollbackapproval", ["execution_id"])
    op.create_index("ix_rollbackapproval_rollback_id", "rollbackapproval", ["rollback_id"])
