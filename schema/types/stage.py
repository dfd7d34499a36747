"""Stages and steps of an execution."""

from datetime import datetime
from operator import attrgetter
from typing import ClassVar

import strawberry
from strawberry.scalars import JSON

from db.queries.environments import environments_by_id, infrastructures_by_id
from db.queries.services import services_by_id
from db.queries.stages import StageRow, StepRow, outputs_of_steps, stages_by_id, steps_of_stages
from db.statuses import RollbackStatus, StageStatus, StepStatus
from resolvers.loading import Relation
from schema.context import Ctx
from schema.ids import global_id
from schema.types import environment as environments
from schema.types import service as services
from schema.types.artifact import Artifact
from schema.types.lazies import AnEnvironment, AnInfrastructure, AService
from schema.types.node import Node
from schema.warming import Relations, warm


@strawberry.type(description="A step of a stage.")
class Step(Node):
    relations: ClassVar[Relations] = {
        "outputs": Relation(outputs_of_steps, attrgetter("id")),
    }
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
    def outputs(self, info: Ctx) -> JSON:
        return info.context.loaders.mapped(self.relations["outputs"], self.row, JSON)


@strawberry.type(description="A stage of an execution: one service to one infrastructure, or plain steps.")
class Stage(Node):
    relations: ClassVar[Relations] = {
        "service": Relation(services_by_id, attrgetter("service_id")),
        "environment": Relation(environments_by_id, attrgetter("environment_id")),
        "infrastructure": Relation(infrastructures_by_id, attrgetter("infrastructure_id")),
        "steps": Relation(steps_of_stages, attrgetter("id")),
        "original_stage": Relation(stages_by_id, attrgetter("original_stage_id")),
    }
    row: strawberry.Private[StageRow]
    identifier: str = strawberry.field(description="Its name in YAML.")
    name: str = strawberry.field(description="What to show.")
    position: int = strawberry.field(description="Its place in the order; stages that run together share it.")
    status: StageStatus = strawberry.field(description="How far it is.")
    status_reason: str | None = strawberry.field(description="Why it has this status.")
    rollback_status: RollbackStatus = strawberry.field(
        description="How far its rollback is. SUCCESS once it was restored and proved, even if the rollback "
        "then failed or was aborted elsewhere; FAILURE also where the rollback ended before it reached the stage."
    )
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
    def service(self, info: Ctx) -> AService | None:
        return info.context.loaders.optional(self.relations["service"], self.row, services.Service.of)

    @strawberry.field(description="The environment it deploys to.")
    def environment(self, info: Ctx) -> AnEnvironment | None:
        return info.context.loaders.optional(self.relations["environment"], self.row, environments.Environment.of)

    @strawberry.field(description="The concrete place it deploys to.")
    def infrastructure(self, info: Ctx) -> AnInfrastructure | None:
        return info.context.loaders.optional(
            self.relations["infrastructure"], self.row, environments.Infrastructure.of
        )

    @strawberry.field(description="Its steps in the order of the YAML.")
    async def steps(self, info: Ctx) -> list[Step]:
        rows = await info.context.loaders.load(steps_of_stages, self.row.id)
        await warm(info, Step.relations, rows)
        return [Step.of(row) for row in rows]

    @strawberry.field(description="Of a rollback's stage: the stage it undoes.")
    def original_stage(self, info: Ctx) -> "Stage | None":
        return info.context.loaders.optional(self.relations["original_stage"], self.row, Stage.of)
