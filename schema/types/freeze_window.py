"""Freeze windows."""

from datetime import datetime
from operator import attrgetter
from typing import ClassVar

import strawberry

from db.columns import now
from db.queries.freezes import FreezeWindowRow, environments_of_freeze_windows, groups_of_freeze_windows
from pipelines.documents.freeze_window import FreezeWindow as Document
from pipelines.freeze_calendar import held_at, next_start
from resolvers.loading import Relation
from schema.context import Ctx
from schema.ids import global_id
from schema.types import environment as environments
from schema.types.lazies import AnEnvironment, AnEnvironmentGroup
from schema.types.node import Node
from schema.warming import Relations, warm


@strawberry.type(description="A time in which nothing is deployed or rolled back in some environments.")
class FreezeWindow(Node):
    relations: ClassVar[Relations] = {
        "environments": Relation(environments_of_freeze_windows, attrgetter("id")),
        "environment_groups": Relation(groups_of_freeze_windows, attrgetter("id")),
    }
    row: strawberry.Private[FreezeWindowRow]
    document: strawberry.Private[Document]
    identifier: str = strawberry.field(description="Its name in YAML; unique.")
    name: str = strawberry.field(description="What to show.")
    description: str | None = strawberry.field(description="What it is for.")
    enabled: bool = strawberry.field(description="Whether it counts at all.")
    start: datetime | None = strawberry.field(description="Of a window that comes once: when it begins.")
    end: datetime | None = strawberry.field(description="Of a window that comes once: when it ends.")
    cron: str | None = strawberry.field(
        description="Of a recurring window: when it begins, as minute, hour, day, month and weekday."
    )
    duration_seconds: int | None = strawberry.field(
        description="Of a recurring window: how long after its beginning it ends, on the clock of its time zone."
    )
    time_zone: str | None = strawberry.field(description="Of a recurring window: whose clock it goes by.")
    active: bool = strawberry.field(description="Whether it holds now.")
    active_until: datetime | None = strawberry.field(
        description="When it ends, if it holds now; null if it does not, or has no end in sight."
    )

    @classmethod
    def of(cls, row: FreezeWindowRow) -> "FreezeWindow":
        document = Document.model_validate(row.definition)
        held = held_at(document, now())
        once, recurring = document.once, document.recurring
        return cls(
            id=global_id("FreezeWindow", row.id),
            row=row,
            document=document,
            identifier=row.identifier,
            name=row.name,
            description=document.description,
            enabled=document.enabled,
            start=None if once is None else once.start,
            end=None if once is None else once.end,
            cron=None if recurring is None else recurring.cron,
            duration_seconds=None if recurring is None else recurring.duration,
            time_zone=None if recurring is None else recurring.time_zone,
            active=held is not None,
            active_until=None if held is None else held.until,
        )

    @strawberry.field(description="When it begins the next time; null where it will not.")
    def next_start(self) -> datetime | None:
        return next_start(self.document, now())

    @strawberry.field(description="The environments that it names itself.")
    async def environments(self, info: Ctx) -> list[AnEnvironment]:
        rows = await info.context.loaders.load(environments_of_freeze_windows, self.row.id)
        await warm(info, environments.Environment.relations, rows)
        return [environments.Environment.of(row) for row in rows]

    @strawberry.field(
        description="The groups that it names: it covers their environments, as they are at the time."
    )
    async def environment_groups(self, info: Ctx) -> list[AnEnvironmentGroup]:
        rows = await info.context.loaders.load(groups_of_freeze_windows, self.row.id)
        await warm(info, environments.EnvironmentGroup.relations, rows)
        return [environments.EnvironmentGroup.of(row) for row in rows]
