"""What runs and ran: executions, their stages, steps and events, and the indexes that enforce "once"."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from db.columns import UtcDateTime, new_id, now, text_enum
from db.statuses import (
    UNDO_CLAIMED,
    EventType,
    ExecutionKind,
    ExecutionStatus,
    RollbackStatus,
    StageStatus,
    StepPhase,
    StepStatus,
)
from providers.values import DeploymentType

_UNDO_CLAIMED = sa.text(
    "original_stage_id IS NOT NULL AND status IN ({})".format(", ".join(f"'{s.value}'" for s in UNDO_CLAIMED))
)


class Execution(SQLModel, table=True):
    """One run of a pipeline, forward or back.

    `yaml` is frozen; `plan` is the frozen plan the runner consumes; `recorded` holds what its expressions
    resolve to. `last_sequence` counts its events. `attempt` counts the rollbacks of one original execution.
    `executor_id` is the process that carries it, of those that share a PostgreSQL database, or carried it last.
    `overrides` are the reasons against it that were set aside: `{code, justification, setAside}`.
    """

    __table_args__ = (
        sa.UniqueConstraint("pipeline_id", "sequence_id"),
        sa.Index("ix_execution_status", "status", "id"),
        sa.Index("ix_execution_kind", "kind", "id"),
        sa.Index("ix_execution_pipeline", "pipeline_id", "id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    kind: ExecutionKind = Field(sa_type=text_enum(ExecutionKind))
    sequence_id: int
    pipeline_id: str = Field(foreign_key="pipeline.id")
    status: ExecutionStatus = Field(
        default=ExecutionStatus.QUEUED,
        sa_type=text_enum(ExecutionStatus),
    )
    rollback_status: RollbackStatus = Field(
        default=RollbackStatus.UNAVAILABLE,
        sa_type=text_enum(RollbackStatus),
    )
    triggered_by: str
    reason: str | None = None
    yaml: str
    plan: dict[str, Any] = Field(sa_type=sa.JSON)
    recorded: dict[str, Any] = Field(default_factory=dict, sa_type=sa.JSON)
    original_execution_id: str | None = Field(default=None, foreign_key="execution.id", index=True)
    attempt: int = 1
    overrides: list[dict[str, Any]] | None = Field(default=None, sa_type=sa.JSON(none_as_null=True))
    abort_requested: bool = False
    abort_reason: str | None = None
    last_sequence: int = 0
    executor_id: str | None = None
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ExecutionTarget(SQLModel, table=True):
    """The lock on a target: one active execution at a time, released by the execution's last transaction."""

    __table_args__ = (
        sa.Index(
            "uq_one_active_execution_per_target",
            "target_id",
            unique=True,
            sqlite_where=sa.text("active"),
            postgresql_where=sa.text("active"),
        ),
    )

    execution_id: str = Field(primary_key=True, foreign_key="execution.id")
    target_id: str = Field(primary_key=True, foreign_key="target.id")
    active: bool = True


class Stage(SQLModel, table=True):
    """A stage of one execution.

    `snapshot` is what the provider recorded before it changed the target; `resolved` the target's spec and
    release after expressions; `left_groups` the instance groups the stage left behind (to tell drift later).
    A stage of a rollback names the stage it undoes in `original_stage_id`.
    """

    __table_args__ = (
        sa.Index("ix_stage_execution", "execution_id", "ordinal", unique=True),
        sa.Index("ix_stage_target", "target_id", "id"),
        sa.Index("ix_stage_service", "service_id", "execution_id"),
        sa.Index("ix_stage_environment", "environment_id", "execution_id"),
        sa.Index("ix_stage_original", "original_stage_id"),
        sa.Index("ix_stage_rollback_status", "rollback_status", "id"),
        sa.Index(
            "uq_one_undo_per_stage",
            "original_stage_id",
            unique=True,
            sqlite_where=_UNDO_CLAIMED,
            postgresql_where=_UNDO_CLAIMED,
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    execution_id: str = Field(foreign_key="execution.id")
    ordinal: int
    position: int
    identifier: str
    name: str
    status: StageStatus = Field(
        default=StageStatus.PENDING,
        sa_type=text_enum(StageStatus),
    )
    status_reason: str | None = None
    rollback_status: RollbackStatus = Field(
        default=RollbackStatus.UNAVAILABLE,
        sa_type=text_enum(RollbackStatus),
    )
    deployment_type: DeploymentType | None = Field(
        default=None,
        sa_type=text_enum(DeploymentType),
    )
    target_id: str | None = Field(default=None, foreign_key="target.id")
    service_id: str | None = Field(default=None, foreign_key="service.id")
    environment_id: str | None = Field(default=None, foreign_key="environment.id")
    infrastructure_id: str | None = Field(default=None, foreign_key="infrastructure.id")
    original_stage_id: str | None = Field(default=None, foreign_key="stage.id")
    matrix: dict[str, Any] | None = Field(default=None, sa_type=sa.JSON(none_as_null=True))
    artifact: dict[str, Any] | None = Field(default=None, sa_type=sa.JSON(none_as_null=True))
    previous_artifact: dict[str, Any] | None = Field(default=None, sa_type=sa.JSON(none_as_null=True))
    resolved: dict[str, Any] | None = Field(default=None, sa_type=sa.JSON(none_as_null=True))
    snapshot: dict[str, Any] | None = Field(default=None, sa_type=sa.JSON(none_as_null=True))
    left_groups: list[dict[str, Any]] | None = Field(default=None, sa_type=sa.JSON(none_as_null=True))
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Step(SQLModel, table=True):
    """A step of a stage. `outputs` is what later expressions read as `steps.ID.output`.

    `at_platform` tells the steps that a platform carries from the generic ones.
    """

    __table_args__ = (sa.Index("ix_step_stage", "stage_id", "ordinal", unique=True),)

    id: str = Field(default_factory=new_id, primary_key=True)
    stage_id: str = Field(foreign_key="stage.id")
    ordinal: int
    phase: StepPhase = Field(sa_type=text_enum(StepPhase))
    identifier: str
    name: str
    type: str
    at_platform: bool = False
    status: StepStatus = Field(
        default=StepStatus.PENDING,
        sa_type=text_enum(StepStatus),
    )
    status_reason: str | None = None
    outputs: dict[str, Any] = Field(default_factory=dict, sa_type=sa.JSON)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Event(SQLModel, table=True):
    """One entry of an execution's journal; `sequence` counts from 1 without gaps and is the cursor."""

    execution_id: str = Field(primary_key=True, foreign_key="execution.id")
    sequence: int = Field(primary_key=True)
    occurred_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    type: EventType = Field(sa_type=text_enum(EventType))
    stage_id: str | None = None
    step_id: str | None = None
    status: str | None = None
    message: str | None = None
    ready: int | None = None
    desired: int | None = None


class IdempotencyKey(SQLModel, table=True):
    """A client's key for one mutation: same key and input, same answer."""

    operation: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    input_hash: str
    execution_id: str = Field(foreign_key="execution.id", index=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
