"""Services."""

from operator import attrgetter
from typing import ClassVar

import strawberry
from strawberry.scalars import JSON

from db.queries.executions import ExecutionsOf
from db.queries.instances import InstancesOf, counts_by_service
from db.queries.places import places_of_services
from db.queries.services import ServiceRow
from providers.values import DeploymentType
from resolvers.loading import Relation
from resolvers.paging import page
from schema.context import Ctx
from schema.ids import global_id
from schema.inputs import ExecutionsWhere, InstancesWhere, executions_spec, instances_spec
from schema.types import execution as executions
from schema.types import instance as instances
from schema.types import place as places
from schema.types.connections import After, Connection, OnlyFirst, asked
from schema.types.lazies import AnExecution, AnInstance, APlace
from schema.types.node import Node
from schema.warming import Relations, warm


@strawberry.type(description="A deployable thing with one deployment type.")
class Service(Node):
    relations: ClassVar[Relations] = {
        "environments": Relation(places_of_services, attrgetter("id")),
        "instance_count": Relation(counts_by_service, attrgetter("id")),
    }
    row: strawberry.Private[ServiceRow]
    identifier: str = strawberry.field(description="Its name in YAML; unique.")
    name: str = strawberry.field(description="What to show.")
    description: str | None = strawberry.field(description="What it is for.")
    tags: JSON = strawberry.field(description="An object of names and texts.")
    deployment_type: DeploymentType = strawberry.field(description="How it is deployed.")

    @classmethod
    def of(cls, row: ServiceRow) -> "Service":
        return cls(
            id=global_id("Service", row.id),
            row=row,
            identifier=row.identifier,
            name=row.name,
            description=row.description,
            tags=JSON(row.tags),
            deployment_type=row.deployment_type,
        )

    @strawberry.field(description="One entry per environment it runs in, the newest deployment first.")
    async def environments(self, info: Ctx) -> list[APlace]:
        rows = await info.context.loaders.load(places_of_services, self.row.id)
        await warm(info, places.ServiceEnvironment.relations, rows)
        return [places.ServiceEnvironment.of(row) for row in rows]

    @strawberry.field(description="How many of its instances live now.")
    def instance_count(self, info: Ctx) -> int:
        return info.context.loaders.mapped(self.relations["instance_count"], self.row, int)

    @strawberry.field(description="Its live instances in the order in which they were first seen.")
    async def instances(
        self,
        info: Ctx,
        first: OnlyFirst = strawberry.UNSET,
        after: After = strawberry.UNSET,
        filter: InstancesWhere = strawberry.UNSET,  # noqa: A002 - the contract's name
    ) -> Connection[AnInstance]:
        spec = instances_spec(filter, InstancesOf.SERVICE)
        found = await page(info.context.loaders, spec, asked(first, after), (self.row.id,))
        return Connection(page=found, make=instances.Instance.of, relations=instances.Instance.relations)

    @strawberry.field(description="The executions with a stage for it, newest first.")
    async def executions(
        self,
        info: Ctx,
        first: OnlyFirst = strawberry.UNSET,
        after: After = strawberry.UNSET,
        filter: ExecutionsWhere = strawberry.UNSET,  # noqa: A002 - the contract's name
    ) -> Connection[AnExecution]:
        spec = executions_spec(filter, ExecutionsOf.SERVICE)
        found = await page(info.context.loaders, spec, asked(first, after), (self.row.id,))
        return Connection(page=found, make=executions.Execution.of, relations=executions.Execution.relations)
