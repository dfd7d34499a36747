"""A service in an environment: a row of the dashboard."""

from datetime import datetime

import strawberry

from db.queries.environments import environments_by_id
from db.queries.instances import InstancesOf, artifacts_by_place
from db.queries.places import (
    PlaceRow,
    counts_by_place,
    current_stages_by_place,
    infrastructures_by_place,
    last_executions_by_place,
)
from db.queries.services import services_by_id
from db.statuses import RollbackStatus
from resolvers.paging import page
from resolvers.rollbacks import eligibilities, most_telling, scope_of_place
from schema.context import Ctx
from schema.inputs import instances_spec
from schema.types import environment as environments
from schema.types import execution as executions
from schema.types import instance as instances
from schema.types import rollback
from schema.types import service as services
from schema.types.artifact import ArtifactCount
from schema.types.connections import After, Connection, OnlyFirst, asked
from schema.types.lazies import AnEligibility, AnEnvironment, AnExecution, AnInfrastructure, AnInstance, AService


@strawberry.type(description="A service as it stands in one environment.")
class ServiceEnvironment:
    row: strawberry.Private[PlaceRow]
    place: strawberry.Private[tuple[str, str]]
    last_deployed_at: datetime | None = strawberry.field(
        description="When a deployment to it last succeeded; null if none did."
    )

    @classmethod
    def of(cls, row: PlaceRow) -> "ServiceEnvironment":
        return cls(row=row, place=(row.service_id, row.environment_id), last_deployed_at=row.last_deployed_at)

    @strawberry.field(description="The service.")
    async def service(self, info: Ctx) -> AService:
        row = await info.context.loaders.load_existing(services_by_id, self.row.service_id)
        return services.Service.of(row)

    @strawberry.field(description="The environment.")
    async def environment(self, info: Ctx) -> AnEnvironment:
        row = await info.context.loaders.load_existing(environments_by_id, self.row.environment_id)
        return environments.Environment.of(row)

    @strawberry.field(description="How many instances of it live here now.")
    async def instance_count(self, info: Ctx) -> int:
        return await info.context.loaders.load(counts_by_place, self.place)

    @strawberry.field(description="What these instances run, the most frequent first.")
    async def artifacts(self, info: Ctx) -> list[ArtifactCount]:
        rows = await info.context.loaders.load(artifacts_by_place, self.place)
        return [ArtifactCount.of(row) for row in rows]

    @strawberry.field(description="The latest execution with a stage for it here, whatever its kind and end.")
    async def last_execution(self, info: Ctx) -> AnExecution | None:
        row = await info.context.loaders.load(last_executions_by_place, self.place)
        return None if row is None else executions.Execution.of(row)

    @strawberry.field(
        description="Of what runs here now. Where its infrastructures differ: the first of STARTED, FAILURE, "
        "SUCCESS, NOT_STARTED, UNAVAILABLE that any of them has."
    )
    async def rollback_status(self, info: Ctx) -> RollbackStatus:
        stages = await info.context.loaders.load(current_stages_by_place, self.place)
        return most_telling([stage.rollback_status for stage in stages])

    @strawberry.field(description="The infrastructures that it was deployed to here, by name.")
    async def infrastructures(self, info: Ctx) -> list[AnInfrastructure]:
        rows = await info.context.loaders.load(infrastructures_by_place, self.place)
        return [environments.Infrastructure.of(row) for row in rows]

    @strawberry.field(description="Its live instances here in the order in which they were first seen.")
    async def instances(
        self, info: Ctx, first: OnlyFirst = strawberry.UNSET, after: After = strawberry.UNSET
    ) -> Connection[AnInstance]:
        spec = instances_spec(None, InstancesOf.PLACE)
        found = await page(info.context.loaders, spec, asked(first, after), self.place)
        return Connection(page=found, make=instances.Instance.of)

    @strawberry.field(
        description="Whether the latest successful deployment here can be rolled back; null before the first."
    )
    async def rollback_eligibility(self, info: Ctx) -> AnEligibility | None:
        scope = await scope_of_place(info.context.loaders, self.place)
        if scope is None:
            return None
        return rollback.RollbackEligibility.of(await info.context.loaders.ask(eligibilities, scope))
