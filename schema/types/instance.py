"""Live instances."""

from datetime import datetime

import strawberry

from db.queries.environments import environments_by_id, infrastructures_by_id
from db.queries.executions import executions_by_id
from db.queries.instances import InstanceRow, details_of_instances, rollback_statuses_of_stages
from db.queries.services import services_by_id
from db.statuses import RollbackStatus
from providers.values import InstanceHealth
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


@strawberry.type(description="One live copy of a service, as its platform last listed it.")
class Instance(Node):
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
    async def service(self, info: Ctx) -> AService:
        row = await info.context.loaders.load_existing(services_by_id, self.row.service_id)
        return services.Service.of(row)

    @strawberry.field(description="The environment it lives in.")
    async def environment(self, info: Ctx) -> AnEnvironment:
        row = await info.context.loaders.load_existing(environments_by_id, self.row.environment_id)
        return environments.Environment.of(row)

    @strawberry.field(description="The concrete place it lives on.")
    async def infrastructure(self, info: Ctx) -> AnInfrastructure:
        row = await info.context.loaders.load_existing(infrastructures_by_id, self.row.infrastructure_id)
        return environments.Infrastructure.of(row)

    @strawberry.field(description="The execution, deployment or rollback, that put it into its present state.")
    async def execution(self, info: Ctx) -> AnExecution | None:
        if self.row.execution_id is None:
            return None
        row = await info.context.loaders.load(executions_by_id, self.row.execution_id)
        return None if row is None else executions.Execution.of(row)

    @strawberry.field(description="How far the rollback of what it runs is.")
    async def rollback_status(self, info: Ctx) -> RollbackStatus:
        if self.row.stage_id is None:
            return RollbackStatus.UNAVAILABLE
        return await info.context.loaders.load(rollback_statuses_of_stages, self.row.stage_id)

    @strawberry.field(description="Whether the stage that deployed what it runs can be rolled back.")
    async def rollback_eligibility(self, info: Ctx) -> AnEligibility:
        return rollback.RollbackEligibility.of(await eligibility_of_instance(info.context.loaders, self.row))

    @strawberry.field(description="What only its kind of platform tells of it.")
    async def details(self, info: Ctx) -> InstanceDetails:
        row = await info.context.loaders.load_existing(details_of_instances, self.row.id)
        return details_of(row.deployment_type, row.details)
