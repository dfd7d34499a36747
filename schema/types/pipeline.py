"""Pipelines."""

from operator import attrgetter
from typing import ClassVar

import strawberry

from db.queries.executions import ExecutionsOf
from db.queries.pipelines import PipelineRow, yaml_of_pipelines
from resolvers.loading import Relation
from resolvers.paging import page
from schema.context import Ctx
from schema.ids import global_id
from schema.inputs import ExecutionsWhere, executions_spec
from schema.types import execution as executions
from schema.types.connections import After, Connection, OnlyFirst, asked
from schema.types.lazies import AnExecution
from schema.types.node import Node
from schema.warming import Relations


@strawberry.type(description="Ordered stages, each with steps and rollback steps.")
class Pipeline(Node):
    relations: ClassVar[Relations] = {
        "yaml": Relation(yaml_of_pipelines, attrgetter("id")),
    }
    row: strawberry.Private[PipelineRow]
    identifier: str = strawberry.field(description="Its name in YAML; unique.")
    name: str = strawberry.field(description="What to show.")

    @classmethod
    def of(cls, row: PipelineRow) -> "Pipeline":
        return cls(id=global_id("Pipeline", row.id), row=row, identifier=row.identifier, name=row.name)

    @strawberry.field(description="Its YAML as it is now; each execution keeps the one it ran with.")
    def yaml(self, info: Ctx) -> str:
        return info.context.loaders.mapped(self.relations["yaml"], self.row, str)

    @strawberry.field(description="Its executions, newest first.")
    async def executions(
        self,
        info: Ctx,
        first: OnlyFirst = strawberry.UNSET,
        after: After = strawberry.UNSET,
        filter: ExecutionsWhere = strawberry.UNSET,  # noqa: A002 - the contract's name
    ) -> Connection[AnExecution]:
        spec = executions_spec(filter, ExecutionsOf.PIPELINE)
        found = await page(info.context.loaders, spec, asked(first, after), (self.row.id,))
        return Connection(page=found, make=executions.Execution.of, relations=executions.Execution.relations)
