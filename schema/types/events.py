"""The journal of an execution."""

from datetime import datetime
from operator import attrgetter
from typing import ClassVar

import strawberry

from db.queries.events import EventRow
from db.queries.stages import stages_by_id, steps_by_id
from db.statuses import EventType, ExecutionStatus, StageStatus, StepStatus
from resolvers.loading import Relation
from schema.context import Ctx
from schema.types.stage import Stage, Step
from schema.warming import Relations


@strawberry.interface(description="Something that happened in an execution.")
class ExecutionEvent:
    relations: ClassVar[Relations] = {
        "stage": Relation(stages_by_id, attrgetter("stage_id")),
        "step": Relation(steps_by_id, attrgetter("step_id")),
    }
    row: strawberry.Private[EventRow]
    sequence: int = strawberry.field(description="Counts the events of one execution from 1, without gaps.")
    occurred_at: datetime = strawberry.field(description="When it happened.")


@strawberry.type(description="The execution entered a status.")
class ExecutionStatusChanged(ExecutionEvent):
    status: ExecutionStatus = strawberry.field(description="The status it entered.")
    reason: str | None = strawberry.field(description="Why; of QUEUED, what the one who asked for it said.")


@strawberry.type(description="A stage entered a status.")
class StageStatusChanged(ExecutionEvent):
    status: StageStatus = strawberry.field(description="The status it entered.")
    reason: str | None = strawberry.field(description="Why.")

    @strawberry.field(description="The stage, as it is now.")
    def stage(self, info: Ctx) -> Stage:
        return info.context.loaders.one(self.relations["stage"], self.row, Stage.of)


@strawberry.type(description="A step entered a status.")
class StepStatusChanged(ExecutionEvent):
    status: StepStatus = strawberry.field(description="The status it entered.")
    reason: str | None = strawberry.field(description="Why.")

    @strawberry.field(description="The step's stage, as it is now.")
    def stage(self, info: Ctx) -> Stage:
        return info.context.loaders.one(self.relations["stage"], self.row, Stage.of)

    @strawberry.field(description="The step, as it is now.")
    def step(self, info: Ctx) -> Step:
        return info.context.loaders.one(self.relations["step"], self.row, Step.of)


@strawberry.type(description="What the platform reported while a step waited: 2 of 5 updated.")
class StepProgressed(ExecutionEvent):
    message: str = strawberry.field(description="What it reported.")
    ready: int | None = strawberry.field(description="How many are there, where that can be counted.")
    desired: int | None = strawberry.field(description="How many shall be there.")

    @strawberry.field(description="The step's stage, as it is now.")
    def stage(self, info: Ctx) -> Stage:
        return info.context.loaders.one(self.relations["stage"], self.row, Stage.of)

    @strawberry.field(description="The step, as it is now.")
    def step(self, info: Ctx) -> Step:
        return info.context.loaders.one(self.relations["step"], self.row, Step.of)


def event_of(row: EventRow) -> ExecutionEvent:
    """The event type that the row's type asks for."""
    match row.type:
        case EventType.EXECUTION_STATUS_CHANGED:
            return ExecutionStatusChanged(
                row=row,
                sequence=row.sequence,
                occurred_at=row.occurred_at,
                status=ExecutionStatus(row.status or ""),
                reason=row.message,
            )
        case EventType.STAGE_STATUS_CHANGED:
            return StageStatusChanged(
                row=row,
                sequence=row.sequence,
                occurred_at=row.occurred_at,
                status=StageStatus(row.status or ""),
                reason=row.message,
            )
        case EventType.STEP_STATUS_CHANGED:
            return StepStatusChanged(
                row=row,
                sequence=row.sequence,
                occurred_at=row.occurred_at,
                status=StepStatus(row.status or ""),
                reason=row.message,
            )
        case EventType.STEP_PROGRESSED:
            return StepProgressed(
                row=row,
                sequence=row.sequence,
                occurred_at=row.occurred_at,
                message=row.message or "",
                ready=row.ready,
                desired=row.desired,
            )
