"""The journal of an execution."""

from datetime import datetime

import strawberry

from db.queries.events import EventRow
from db.queries.stages import stages_by_id, steps_by_id
from db.statuses import EventType, ExecutionStatus, StageStatus, StepStatus
from schema.context import Ctx
from schema.types.stage import Stage, Step


@strawberry.interface(description="Something that happened in an execution.")
class ExecutionEvent:
    row: strawberry.Private[EventRow]
    sequence: int = strawberry.field(description="Counts the events of one execution from 1, without gaps.")
    occurred_at: datetime = strawberry.field(description="When it happened.")


async def _stage_of(event: ExecutionEvent, info: Ctx) -> Stage:
    row = await info.context.loaders.load_existing(stages_by_id, event.row.stage_id or "")
    return Stage.of(row)


async def _step_of(event: ExecutionEvent, info: Ctx) -> Step:
    row = await info.context.loaders.load_existing(steps_by_id, event.row.step_id or "")
    return Step.of(row)


@strawberry.type(description="The execution entered a status.")
class ExecutionStatusChanged(ExecutionEvent):
    status: ExecutionStatus = strawberry.field(description="The status it entered.")
    reason: str | None = strawberry.field(description="Why.")


@strawberry.type(description="A stage entered a status.")
class StageStatusChanged(ExecutionEvent):
    status: StageStatus = strawberry.field(description="The status it entered.")
    reason: str | None = strawberry.field(description="Why.")

    @strawberry.field(description="The stage, as it is now.")
    async def stage(self, info: Ctx) -> Stage:
        return await _stage_of(self, info)


@strawberry.type(description="A step entered a status.")
class StepStatusChanged(ExecutionEvent):
    status: StepStatus = strawberry.field(description="The status it entered.")
    reason: str | None = strawberry.field(description="Why.")

    @strawberry.field(description="The step's stage, as it is now.")
    async def stage(self, info: Ctx) -> Stage:
        return await _stage_of(self, info)

    @strawberry.field(description="The step, as it is now.")
    async def step(self, info: Ctx) -> Step:
        return await _step_of(self, info)


@strawberry.type(description="What the platform reported while a step waited: 2 of 5 updated.")
class StepProgressed(ExecutionEvent):
    message: str = strawberry.field(description="What it reported.")
    ready: int | None = strawberry.field(description="How many are there, where that can be counted.")
    desired: int | None = strawberry.field(description="How many shall be there.")

    @strawberry.field(description="The step's stage, as it is now.")
    async def stage(self, info: Ctx) -> Stage:
        return await _stage_of(self, info)

    @strawberry.field(description="The step, as it is now.")
    async def step(self, info: Ctx) -> Step:
        return await _step_of(self, info)


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
