"""Live instances."""

from datetime import datetime
from operator import attrgetter
from typing import ClassVar

import strawberry

from db.queries.environments import environments_by_id, infrastructures_by_id
from db.queries.executions import executions_by_id
from db.queries.instances import DetailsRow, InstanceRow, details_of_instances, rollback_statuses_of_stages
from db.queries.services import services_by_id
from db.statuses import RollbackStatus
from providers.values import InstanceHealth
from resolvers.loading import Relation
from resolvers.rollbacks import eligibility_of_instance
from schema.context import Ctx
from schema.ids import global_id
from schema.types import environment as environments
from schema.types import execution as executions
from schema.types import rollback
from schema.types import service as services
from schema.types.artifact import Artifact
from schema.types.details import InstanceDetails, details_of
from schema.types.lazies import AnEligibility, AnEnvironment, AnExecution, AnInfrastructure, AService
from schema.types.node import Node
from schema.warming import Relations


def _details_of_row(row: DetailsRow) -> InstanceDetails:
    return details_of(row.deployment_type, row.details)


@strawberry.type(description="One live copy of a service, as its platform last listed it.")
class Instance(Node):
    relations: ClassVar[Relations] = {
        "service": Relation(services_by_id, attrgetter("service_id")),
        "environment": Relation(environments_by_id, attrgetter("environment_id")),
        "infrastructure": Relation(infrastructures_by_id, attrgetter("infrastructure_id")),
        "execution": Relation(executions_by_id, attrgetter("execution_id")),
        "rollback_status": Relation(rollback_statuses_of_stages, attrgetter("stage_id")),
        "details": Relation(details_of_instances, attrgetter("id")),
    }
    row: strawberry.Private[InstanceRow]
    key: str = strawberry.field(
        description="The platform's own identity of it: a pod, a task, a machine, an app's index."
    )
    artifact: Artifact = strawberry.field(description="What it runs.")
    health: InstanceHealth = strawberry.field(description="How it does.")
    deployed_at: datetime | None = strawberry.field(description="When what it runs was deployed.")
    deployed_by: str | None = strawberry.field(description="Who deployed what it runs.")
    seen_at: datetime = strawberry.field(description="When its platform last listed it.")
    removed_at: datetime | None = strawberry.field(
        description="When its platform no longer listed it; null while it lives. Lists hold live instances only."
    )

    @classmethod
    def of(cls, row: InstanceRow) -> "Instance":
        return cls(
            id=global_id("Instance", row.id),
            row=row,
            key=row.key,
            artifact=Artifact.of(row),
            health=row.health,
            deployed_at=row.deployed_at,
            deployed_by=row.deployed_by,
            seen_at=row.seen_at,
            removed_at=row.removed_at,
        )

    @strawberry.field(description="What it is a copy of.")
    def service(self, info: Ctx) -> AService:
        return info.context.loaders.one(self.relations["service"], self.row, services.Service.of)

    @strawberry.field(description="The environment it lives in.")
    def environment(self, info: Ctx) -> AnEnvironment:
        return info.context.loaders.one(self.relations["environment"], self.row, environments.Environment.of)

    @strawberry.field(description="The concrete place it lives on.")
    def infrastructure(self, info: Ctx) -> AnInfrastructure:
        return info.context.loaders.one(self.relations["infrastructure"], self.row, environments.Infrastructure.of)

    @strawberry.field(description="The execution, deployment or rollback, that put it into its present state.")
    def execution(self, info: Ctx) -> AnExecution | None:
        return info.context.loaders.optional(self.relations["execution"], self.row, executions.Execution.of)

    @strawberry.field(description="How far the rollback of what it runs is: that of the stage which deployed it.")
    def rollback_status(self, info: Ctx) -> RollbackStatus:
        if self.row.stage_id is None:
            return RollbackStatus.UNAVAILABLE
        return info.context.loaders.mapped(self.relations["rollback_status"], self.row, RollbackStatus)

    @strawberry.field(description="Whether the stage that deployed what it runs can be rolled back.")
    async def rollback_eligibility(self, info: Ctx) -> AnEligibility:
        return rollback.RollbackEligibility.of(await eligibility_of_instance(info.context.loaders, self.row))

    @strawberry.field(description="What only its kind of platform tells of it.")
    def details(self, info: Ctx) -> InstanceDetails:
        return info.context.loaders.one(self.relations["details"], self.row, _details_of_row)
