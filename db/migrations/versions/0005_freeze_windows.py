"""Freeze windows. Forward only: the way back is a backup."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "freezewindow",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("identifier"),
    )
    op.create_table(
        "freezewindowenvironment",
        sa.Column("window_id", sa.String(), nullable=False),
        sa.Column("environment_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["environment_id"], ["environment.id"]),
        sa.ForeignKeyConstraint(["window_id"], ["freezewindow.id"]),
        sa.PrimaryKeyConstraint("window_id", "environment_id"),
    )
    op.create_index("ix_freezewindowenvironment_environment_id", "freezewindowenvironment", ["environment_id"])
    op.create_table(
        "freezewindowgroup",
        sa.Column("window_id", sa.String(), nullable=False),
        sa.Column("group_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["environmentgroup.id"]),
        sa.ForeignKeyConstraint(["window_id"], ["freezewindow.id"]),
        sa.PrimaryKeyConstraint("window_id", "group_id"),
    )
    op.create_index("ix_freezewindowgroup_group_id", "freezewindowgroup", ["group_id"])
    op.add_column("execution", sa.Column("overrides", sa.JSON(), nullable=True))
