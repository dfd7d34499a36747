"""Environments, their groups and infrastructures."""

from operator import attrgetter
from typing import ClassVar

import strawberry
from strawberry.scalars import JSON

from db.queries.approvals import approval_requirements
from db.queries.environments import (
    EnvironmentRow,
    GroupRow,
    InfrastructureRow,
    environments_by_id,
    environments_of_groups,
    groups_of_environments,
    infrastructures_of_environments,
)
from db.queries.freezes import freeze_windows_of_environments
from db.queries.instances import InstancesOf
from db.queries.places import places_of_environments
from db.statuses import EnvironmentType
from providers.values import DeploymentType
from resolvers.loading import Relation
from resolvers.paging import page
from schema.context import Ctx
from schema.ids import global_id
from schema.inputs import InstancesWhere, instances_spec
from schema.types import freeze_window as freezes
from schema.types import instance as instances
from schema.types import place as places
from schema.types.connections import After, Connection, OnlyFirst, asked
from schema.types.lazies import AFreezeWindow, AnEnvironmentGroup, AnInfrastructure, AnInstance, APlace
from schema.types.node import Node
from schema.warming import Relations, warm


@strawberry.type(description="Where services run.")
class Environment(Node):
    relations: ClassVar[Relations] = {
        "requires_rollback_approval": Relation(approval_requirements, attrgetter("id")),
        "groups": Relation(groups_of_environments, attrgetter("id")),
        "infrastructures": Relation(infrastructures_of_environments, attrgetter("id")),
        "services": Relation(places_of_environments, attrgetter("id")),
        "freeze_windows": Relation(freeze_windows_of_environments, attrgetter("id")),
    }
    row: strawberry.Private[EnvironmentRow]
    identifier: str = strawberry.field(description="Its name in YAML; unique.")
    name: str = strawberry.field(description="What to show.")
    type: EnvironmentType = strawberry.field(description="How much it matters.")

    @classmethod
    def of(cls, row: EnvironmentRow) -> "Environment":
        return cls(
            id=global_id("Environment", row.id),
            row=row,
            identifier=row.identifier,
            name=row.name,
            type=row.type,
        )

    @strawberry.field(description="Whether a second person has to approve each rollback in it.")
    def requires_rollback_approval(self, info: Ctx) -> bool:
        return info.context.loaders.mapped(self.relations["requires_rollback_approval"], self.row, bool)

    @strawberry.field(description="The groups it is in, by name.")
    async def groups(self, info: Ctx) -> list[AnEnvironmentGroup]:
        rows = await info.context.loaders.load(groups_of_environments, self.row.id)
        await warm(info, EnvironmentGroup.relations, rows)
        return [EnvironmentGroup.of(row) for row in rows]

    @strawberry.field(description="The concrete places in it, by name.")
    async def infrastructures(self, info: Ctx) -> list[AnInfrastructure]:
        rows = await info.context.loaders.load(infrastructures_of_environments, self.row.id)
        await warm(info, Infrastructure.relations, rows)
        return [Infrastructure.of(row) for row in rows]

    @strawberry.field(description="What runs in it, the newest deployment first.")
    async def services(self, info: Ctx) -> list[APlace]:
        rows = await info.context.loaders.load(places_of_environments, self.row.id)
        await warm(info, places.ServiceEnvironment.relations, rows)
        return [places.ServiceEnvironment.of(row) for row in rows]

    @strawberry.field(description="The freeze windows that cover it, itself or by a group, by name.")
    async def freeze_windows(self, info: Ctx) -> list[AFreezeWindow]:
        rows = await info.context.loaders.load(freeze_windows_of_environments, self.row.id)
        await warm(info, freezes.FreezeWindow.relations, rows)
        return [freezes.FreezeWindow.of(row) for row in rows]

    @strawberry.field(description="The instances that live in it, in the order in which they were first seen.")
    async def instances(
        self,
        info: Ctx,
        first: OnlyFirst = strawberry.UNSET,
        after: After = strawberry.UNSET,
        filter: InstancesWhere = strawberry.UNSET,  # noqa: A002 - the contract's name
    ) -> Connection[AnInstance]:
        spec = instances_spec(filter, InstancesOf.ENVIRONMENT)
        found = await page(info.context.loaders, spec, asked(first, after), (self.row.id,))
        return Connection(page=found, make=instances.Instance.of, relations=instances.Instance.relations)


@strawberry.type(description="Environments that belong together.")
class EnvironmentGroup(Node):
    relations: ClassVar[Relations] = {
        "environments": Relation(environments_of_groups, attrgetter("id")),
    }
    row: strawberry.Private[GroupRow]
    identifier: str = strawberry.field(description="Its name in YAML; unique.")
    name: str = strawberry.field(description="What to show.")

    @classmethod
    def of(cls, row: GroupRow) -> "EnvironmentGroup":
        return cls(id=global_id("EnvironmentGroup", row.id), row=row, identifier=row.identifier, name=row.name)

    @strawberry.field(description="Its environments in the order of the YAML.")
    async def environments(self, info: Ctx) -> list[Environment]:
        rows = await info.context.loaders.load(environments_of_groups, self.row.id)
        await warm(info, Environment.relations, rows)
        return [Environment.of(row) for row in rows]


@strawberry.type(description="One concrete place in an environment: a namespace, a cluster, a group, a space.")
class Infrastructure(Node):
    relations: ClassVar[Relations] = {
        "environment": Relation(environments_by_id, attrgetter("environment_id")),
    }
    row: strawberry.Private[InfrastructureRow]
    identifier: str = strawberry.field(description="Its name in YAML; unique in its environment.")
    name: str = strawberry.field(description="What to show.")
    deployment_type: DeploymentType = strawberry.field(description="What can be deployed to it.")
    spec: JSON = strawberry.field(description="Its YAML block: where it is. References to secrets, never secrets.")

    @classmethod
    def of(cls, row: InfrastructureRow) -> "Infrastructure":
        return cls(
            id=global_id("Infrastructure", row.id),
            row=row,
            identifier=row.identifier,
            name=row.name,
            deployment_type=row.deployment_type,
            spec=JSON(row.spec),
        )

    @strawberry.field(description="The environment it is in.")
    def environment(self, info: Ctx) -> Environment:
        return info.context.loaders.one(self.relations["environment"], self.row, Environment.of)
