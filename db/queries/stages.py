"""The stages and steps of executions, without their big columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from db.queries.byid import rows_by, values_by_id
from db.queries.columns import columns_of
from db.queries.grouping import grouped
from db.statuses import RollbackStatus, StageStatus, StepPhase, StepStatus
from db.tables import Stage, Step


class StageRow(NamedTuple):
    id: str
    execution_id: str
    ordinal: int
    position: int
    identifier: str
    name: str
    status: StageStatus
    status_reason: str | None
    rollback_status: RollbackStatus
    service_id: str | None
    environment_id: str | None
    infrastructure_id: str | None
    original_stage_id: str | None
    artifact: dict[str, Any] | None
    previous_artifact: dict[str, Any] | None
    started_at: datetime | None
    finished_at: datetime | None


class StepRow(NamedTuple):
    id: str
    stage_id: str
    ordinal: int
    phase: StepPhase
    identifier: str
    name: str
    type: str
    status: StepStatus
    status_reason: str | None
    started_at: datetime | None
    finished_at: datetime | None


async def stages_of_executions(
    connection: AsyncConnection, execution_ids: Sequence[str]
) -> list[tuple[StageRow, ...]]:
    """For each execution its stages in the order in which they run."""
    execution = col(Stage.execution_id)
    statement = (
        sa.select(execution, *columns_of(Stage, StageRow))
        .where(execution.in_(execution_ids))
        .order_by(execution, col(Stage.ordinal))
    )
    return grouped(await connection.execute(statement), StageRow, execution_ids)


async def steps_of_stages(connection: AsyncConnection, stage_ids: Sequence[str]) -> list[tuple[StepRow, ...]]:
    """For each stage its steps in the order of the YAML."""
    stage = col(Step.stage_id)
    statement = (
        sa.select(stage, *columns_of(Step, StepRow)).where(stage.in_(stage_ids)).order_by(stage, col(Step.ordinal))
    )
    return grouped(await connection.execute(statement), StepRow, stage_ids)


async def stages_by_id(connection: AsyncConnection, ids: Sequence[str]) -> list[StageRow | None]:
    return await rows_by(connection, Stage, StageRow, "id", ids)


async def steps_by_id(connection: AsyncConnection, ids: Sequence[str]) -> list[StepRow | None]:
    return await rows_by(connection, Step, StepRow, "id", ids)


async def outputs_of_steps(connection: AsyncConnection, ids: Sequence[str]) -> list[dict[str, Any]]:
    """What each step recorded by name."""
    return await values_by_id(connection, Step, "outputs", ids)
