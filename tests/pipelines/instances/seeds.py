"""Rows of one target with its service, environment, infrastructure and executions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import now
from db.statuses import EnvironmentType, ExecutionKind, StageStatus
from db.tables import Environment, Execution, Infrastructure, Instance, Pipeline, Service, Stage, Target
from pipelines.instances import StageMark, TargetRow
from pipelines.runtime import Runtime
from providers.values import Artifact, DeploymentType, InstanceHealth, LiveInstance


@dataclass(frozen=True)
class Seed:
    """The database ids of what was seeded."""

    target: TargetRow
    pipeline_id: str


async def seed(runtime: Runtime, name: str = "web", resolved: dict[str, Any] | None = None) -> Seed:
    """A service of that name on a target of its own in the environment `prod`."""
    async with runtime.database.write() as session:
        environment_id = await session.scalar(sa.select(col(Environment.id)))
        if environment_id is None:
            environment = Environment(
                identifier="prod", name="prod", type=EnvironmentType.PRODUCTION, definition={}
            )
            session.add(environment)
            environment_id = environment.id
        kind = DeploymentType.KUBERNETES
        service = Service(identifier=name, name=name, deployment_type=kind, definition={})
        infrastructure = Infrastructure(
            identifier=name, name=name, environment_id=environment_id, deployment_type=kind, spec={}
        )
        pipeline = Pipeline(identifier=name, name=name, yaml="")
        for row in (service, infrastructure, pipeline):
            session.add(row)
        await session.flush()
        target = Target(
            service_id=service.id,
            environment_id=environment_id,
            infrastructure_id=infrastructure.id,
            resolved=resolved,
        )
        session.add(target)
        await session.flush()
    return Seed(TargetRow(target.id, service.id, environment_id, infrastructure.id), pipeline.id)


async def add_stage(session: AsyncSession, seeded: Seed, sequence: int, by: str) -> StageMark:
    """An execution with one finished stage, which the target then is in."""
    execution = Execution(
        kind=ExecutionKind.DEPLOYMENT,
        sequence_id=sequence,
        pipeline_id=seeded.pipeline_id,
        triggered_by=by,
        yaml="",
        plan={},
    )
    session.add(execution)
    await session.flush()
    stage = Stage(
        execution_id=execution.id,
        ordinal=0,
        position=0,
        identifier="s",
        name="s",
        status=StageStatus.SUCCEEDED,
        target_id=seeded.target.id,
        finished_at=now(),
    )
    session.add(stage)
    await session.flush()
    await session.execute(
        sa.update(Target).where(col(Target.id) == seeded.target.id).values(current_stage_id=stage.id)
    )
    assert stage.finished_at is not None
    return StageMark(stage.id, execution.id, by, stage.finished_at)


def live(key: str, tag: str = "1", **changes: Any) -> LiveInstance:
    """A healthy copy of the group `web` running that tag."""
    artifact = Artifact(display_name=f"web:{tag}", image="web", tag=tag, digest=f"sha256:{tag}", revision=tag)
    values: dict[str, Any] = {
        "key": key,
        "group": "web",
        "artifact": artifact,
        "health": InstanceHealth.HEALTHY,
        "details": {"node": "a"},
    }
    return LiveInstance.model_validate(values | changes)


async def stored(runtime: Runtime, target_id: str, *, removed: bool = False) -> dict[str, Instance]:
    """The stored instances by key."""
    gone = col(Instance.removed_at)
    async with runtime.database.write() as session:
        rows = await session.scalars(
            sa.select(Instance).where(
                col(Instance.target_id) == target_id, gone.is_not(None) if removed else gone.is_(None)
            )
        )
        return {row.key: row for row in rows}
