"""Retention. Forward only: the way back is a backup."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_index("ix_idempotencykey_execution_id", "idempotencykey", ["execution_id"], unique=False)
    for name, column in (("ix_instance_of_execution", "execution_id"), ("ix_instance_of_stage", "stage_id")):
        named = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, "instance", [column], unique=False, sqlite_where=named, postgresql_where=named)
