"""Stages and steps of an execution."""

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from db.queries.environments import environments_by_id, infrastructures_by_id
from db.queries.services import services_by_id
from db.queries.stages import StageRow, StepRow, outputs_of_steps, stages_by_id, steps_of_stages
from db.statuses import RollbackStatus, StageStatus, StepStatus
from schema.context import Ctx
from schema.ids import global_id
from schema.types import environment as environments
from schema.types import service as services
from schema.types.artifact import Artifact
from schema.types.lazies import AnEnvironment, AnInfrastructure, AService
from schema.types.node import Node


@strawberry.type(description="A step of a stage.")
class Step(Node):
    row: strawberry.Private[StepRow]
    identifier: str = strawberry.field(description="Its name in YAML.")
    name: str = strawberry.field(description="What to show.")
    type: str = strawberry.field(description="What it does, as the YAML spells it.")
    status: StepStatus = strawberry.field(description="How far it is.")
    status_reason: str | None = strawberry.field(description="Why it has this status.")
    started_at: datetime | None = strawberry.field(description="When it began.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")

    @classmethod
    def of(cls, row: StepRow) -> "Step":
        return cls(
            id=global_id("Step", row.id),
            row=row,
            identifier=row.identifier,
            name=row.name,
            type=row.type,
            status=row.status,
            status_reason=row.status_reason,
            started_at=row.started_at,
            finished_at=row.finished_at,
        )

    @strawberry.field(description="An object of what it recorded, by name; later expressions read it.")
    async def outputs(self, info: Ctx) -> JSON:
        return JSON(await info.context.loaders.load(outputs_of_steps, self.row.id))


@strawberry.type(description="A stage of an execution: one service to one infrastructure, or plain steps.")
class Stage(Node):
    row: strawberry.Private[StageRow]
    identifier: str = strawberry.field(description="Its name in YAML.")
    name: str = strawberry.field(description="What to show.")
    position: int = strawberry.field(description="Its place in the order; stages that run together share it.")
    status: StageStatus = strawberry.field(description="How far it is.")
    status_reason: str | None = strawberry.field(description="Why it has this status.")
    rollback_status: RollbackStatus = strawberry.field(description="How far its rollback is.")
    artifact: Artifact | None = strawberry.field(description="What runs after it.")
    previous_artifact: Artifact | None = strawberry.field(description="What ran before it.")
    started_at: datetime | None = strawberry.field(description="When it began.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")

    @classmethod
    def of(cls, row: StageRow) -> "Stage":
        return cls(
            id=global_id("Stage", row.id),
            row=row,
            identifier=row.identifier,
            name=row.name,
            position=row.position,
            status=row.status,
            status_reason=row.status_reason,
            rollback_status=row.rollback_status,
            artifact=Artifact.of_json(row.artifact),
            previous_artifact=Artifact.of_json(row.previous_artifact),
            started_at=row.started_at,
            finished_at=row.finished_at,
        )

    @strawberry.field(description="What it deploys, where it deploys something.")
    async def service(self, info: Ctx) -> AService | None:
        if self.row.service_id is None:
            return None
        row = await info.context.loaders.load(services_by_id, self.row.service_id)
        return None if row is None else services.Service.of(row)

    @strawberry.field(description="The environment it deploys to.")
    async def environment(self, info: Ctx) -> AnEnvironment | None:
        if self.row.environment_id is None:
            return None
        row = await info.context.loaders.load(environments_by_id, self.row.environment_id)
        return None if row is None else environments.Environment.of(row)

    @strawberry.field(description="The concrete place it deploys to.")
    async def infrastructure(self, info: Ctx) -> AnInfrastructure | None:
        if self.row.infrastructure_id is None:
            return None
        row = await info.context.loaders.load(infrastructures_by_id, self.row.infrastructure_id)
        return None if row is None else environments.Infrastructure.of(row)

    @strawberry.field(description="Its steps in the order of the YAML.")
    async def steps(self, info: Ctx) -> list[Step]:
        rows = await info.context.loaders.load(steps_of_stages, self.row.id)
        return [Step.of(row) for row in rows]

    @strawberry.field(description="Of a rollback's stage: the stage it undoes.")
    async def original_stage(self, info: Ctx) -> "Stage | None":
        if self.row.original_stage_id is None:
            return None
        row = await info.context.loaders.load(stages_by_id, self.row.original_stage_id)
        return None if row is None else Stage.of(row)
