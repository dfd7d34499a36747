"""A service in an environment: a row of the dashboard."""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import ClassVar

import strawberry

from db.queries.environments import environments_by_id
from db.queries.instances import ArtifactCountRow, InstancesOf, artifacts_by_place
from db.queries.places import (
    CurrentStageRow,
    PlaceRow,
    counts_by_place,
    current_stages_by_place,
    infrastructures_by_place,
    last_executions_by_place,
)
from db.queries.services import services_by_id
from db.statuses import RollbackStatus, most_telling
from resolvers.loading import Relation
from resolvers.paging import page
from resolvers.rollbacks import eligibilities, scope_of_place
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
from schema.warming import Relations, warm


def _artifact_counts(rows: Sequence[ArtifactCountRow]) -> list[ArtifactCount]:
    return [ArtifactCount.of(row) for row in rows]


def _shown_status(stages: Sequence[CurrentStageRow]) -> RollbackStatus:
    return most_telling(stage.rollback_status for stage in stages)


@strawberry.type(description="A service as it stands in one environment.")
class ServiceEnvironment:
    relations: ClassVar[Relations] = {
        "service": Relation(services_by_id, attrgetter("service_id")),
        "environment": Relation(environments_by_id, attrgetter("environment_id")),
        "instance_count": Relation(counts_by_place, attrgetter("service_id", "environment_id")),
        "artifacts": Relation(artifacts_by_place, attrgetter("service_id", "environment_id")),
        "last_execution": Relation(last_executions_by_place, attrgetter("service_id", "environment_id")),
        "rollback_status": Relation(current_stages_by_place, attrgetter("service_id", "environment_id")),
        "infrastructures": Relation(infrastructures_by_place, attrgetter("service_id", "environment_id")),
    }
    row: strawberry.Private[PlaceRow]
    place: strawberry.Private[tuple[str, str]]
    last_deployed_at: datetime | None = strawberry.field(
        description="When a deployment to it last succeeded; null if none did."
    )

    @classmethod
    def of(cls, row: PlaceRow) -> "ServiceEnvironment":
        return cls(row=row, place=(row.service_id, row.environment_id), last_deployed_at=row.last_deployed_at)

    @strawberry.field(description="The service.")
    def service(self, info: Ctx) -> AService:
        return info.context.loaders.one(self.relations["service"], self.row, services.Service.of)

    @strawberry.field(description="The environment.")
    def environment(self, info: Ctx) -> AnEnvironment:
        return info.context.loaders.one(self.relations["environment"], self.row, environments.Environment.of)

    @strawberry.field(description="How many instances of it live here now.")
    def instance_count(self, info: Ctx) -> int:
        return info.context.loaders.mapped(self.relations["instance_count"], self.row, int)

    @strawberry.field(description="What these instances run, the most frequent first.")
    def artifacts(self, info: Ctx) -> list[ArtifactCount]:
        return info.context.loaders.mapped(self.relations["artifacts"], self.row, _artifact_counts)

    @strawberry.field(description="The latest execution with a stage for it here, whatever its kind and end.")
    def last_execution(self, info: Ctx) -> AnExecution | None:
        return info.context.loaders.optional(self.relations["last_execution"], self.row, executions.Execution.of)

    @strawberry.field(
        description="Of what runs here now. Where its infrastructures differ: the first of STARTED, FAILURE, "
        "SUCCESS, NOT_STARTED, UNAVAILABLE that any of them has."
    )
    def rollback_status(self, info: Ctx) -> RollbackStatus:
        return info.context.loaders.mapped(self.relations["rollback_status"], self.row, _shown_status)

    @strawberry.field(description="The infrastructures that it was deployed to here, by name.")
    async def infrastructures(self, info: Ctx) -> list[AnInfrastructure]:
        rows = await info.context.loaders.load(infrastructures_by_place, self.place)
        await warm(info, environments.Infrastructure.relations, rows)
        return [environments.Infrastructure.of(row) for row in rows]

    @strawberry.field(description="Its live instances here in the order in which they were first seen.")
    async def instances(
        self, info: Ctx, first: OnlyFirst = strawberry.UNSET, after: After = strawberry.UNSET
    ) -> Connection[AnInstance]:
        spec = instances_spec(None, InstancesOf.PLACE)
        found = await page(info.context.loaders, spec, asked(first, after), self.place)
        return Connection(page=found, make=instances.Instance.of, relations=instances.Instance.relations)

    @strawberry.field(
        description="Whether the latest successful deployment here can be rolled back; null before the first."
    )
    async def rollback_eligibility(self, info: Ctx) -> AnEligibility | None:
        scope = await scope_of_place(info.context.loaders, self.place)
        if scope is None:
            return None
        return rollback.RollbackEligibility.of(await info.context.loaders.ask(eligibilities, scope))
