"""The audit log by who, what, how it ended and when. Forward only: the way back is a backup."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    for column in ("subject", "action", "outcome", "at"):
        op.create_index(f"ix_auditentry_{column}_sequence", "auditentry", [column, "sequence"])
