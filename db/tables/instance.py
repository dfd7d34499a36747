"""What runs where: targets and the live instances last seen on them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from db.columns import UtcDateTime, new_id, now, text_enum
from providers.values import InstanceHealth


class Target(SQLModel, table=True):
    """Service + environment + infrastructure: what is deployed to, locked and rolled back.

    `current_stage_id` is the stage, of a deployment or a rollback, that put it into its present state;
    `deployed_stage_id` that of its most recent successful deployment. `resolved` is the spec and release last
    used, for listing instances between executions.
    """

    __table_args__ = (
        sa.UniqueConstraint("service_id", "environment_id", "infrastructure_id"),
        sa.Index("ix_target_environment", "environment_id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    service_id: str = Field(foreign_key="service.id")
    environment_id: str = Field(foreign_key="environment.id")
    infrastructure_id: str = Field(foreign_key="infrastructure.id")
    current_stage_id: str | None = None
    deployed_stage_id: str | None = None
    last_deployed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    resolved: dict[str, Any] | None = Field(default=None, sa_type=sa.JSON(none_as_null=True))
    synced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Instance(SQLModel, table=True):
    """One live copy as last seen; `removed_at` is set when the platform no longer lists it."""

    __table_args__ = (
        sa.Index(
            "uq_live_instance",
            "target_id",
            "key",
            unique=True,
            sqlite_where=sa.text("removed_at IS NULL"),
            postgresql_where=sa.text("removed_at IS NULL"),
        ),
        sa.Index("ix_instance_service", "service_id", "environment_id", "removed_at", "id"),
        sa.Index("ix_instance_environment", "environment_id", "removed_at", "id"),
        sa.Index("ix_instance_live", "removed_at", "id"),
        sa.Index("ix_instance_stage", "stage_id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    target_id: str = Field(foreign_key="target.id")
    service_id: str = Field(foreign_key="service.id")
    environment_id: str = Field(foreign_key="environment.id")
    infrastructure_id: str = Field(foreign_key="infrastructure.id")
    key: str
    group: str
    display_name: str
    image: str | None = None
    tag: str | None = None
    digest: str | None = None
    revision: str | None = None
    health: InstanceHealth = Field(sa_type=text_enum(InstanceHealth))
    details: dict[str, Any] = Field(default_factory=dict, sa_type=sa.JSON)
    execution_id: str | None = Field(default=None, foreign_key="execution.id")
    stage_id: str | None = Field(default=None, foreign_key="stage.id")
    deployed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    deployed_by: str | None = None
    seen_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
