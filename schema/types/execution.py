"""Executions."""

from datetime import datetime
from operator import attrgetter
from typing import ClassVar

import strawberry

from db.queries.approvals import approvals_of_rollbacks
from db.queries.events import Events
from db.queries.executions import (
    ExecutionRow,
    executions_by_id,
    overrides_of_executions,
    rollbacks_of_executions,
    status_reasons_of_executions,
    yaml_of_executions,
)
from db.queries.pipelines import pipelines_by_id
from db.queries.stages import stages_of_executions
from db.statuses import FINISHED_EXECUTIONS, ExecutionKind, ExecutionStatus, RollbackStatus
from resolvers.loading import Relation
from resolvers.paging import page
from resolvers.rollbacks import eligibilities
from rollback.values import Scope
from schema.context import Ctx
from schema.ids import global_id
from schema.types import approval as approvals
from schema.types import pipeline as pipelines
from schema.types import rollback
from schema.types.connections import After, Connection, OnlyFirst, asked
from schema.types.events import ExecutionEvent, event_of
from schema.types.lazies import AnApproval, AnEligibility, APipeline
from schema.types.node import Node
from schema.types.override import Override
from schema.types.stage import Stage
from schema.warming import Relations, warm

_WITH_REASON = FINISHED_EXECUTIONS | {ExecutionStatus.ABORTING}


def _ending(row: ExecutionRow) -> str | None:
    """The execution, if it ends or has ended: a snapshot of an earlier time does not know why it will."""
    return row.id if row.status in _WITH_REASON else None


@strawberry.type(description="One run of a pipeline, forward or back.")
class Execution(Node):
    relations: ClassVar[Relations] = {
        "pipeline": Relation(pipelines_by_id, attrgetter("pipeline_id")),
        "yaml": Relation(yaml_of_executions, attrgetter("id")),
        "status_reason": Relation(status_reasons_of_executions, _ending),
        "stages": Relation(stages_of_executions, attrgetter("id")),
        "approval": Relation(approvals_of_rollbacks, attrgetter("id")),
        "overrides": Relation(overrides_of_executions, attrgetter("id")),
        "original_execution": Relation(executions_by_id, attrgetter("original_execution_id")),
        "rollbacks": Relation(rollbacks_of_executions, attrgetter("id")),
    }
    row: strawberry.Private[ExecutionRow]
    kind: ExecutionKind = strawberry.field(description="Which way it goes.")
    sequence_id: int = strawberry.field(description="Counts the executions of one pipeline.")
    status: ExecutionStatus = strawberry.field(description="How far it is.")
    triggered_by: str = strawberry.field(description="Who asked for it.")
    reason: str | None = strawberry.field(description="Why, as the one who asked for it said.")
    created_at: datetime = strawberry.field(description="When it was accepted.")
    started_at: datetime | None = strawberry.field(description="When it began.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    rollback_status: RollbackStatus = strawberry.field(
        description="How far its rollback is: the first of STARTED, FAILURE, SUCCESS, NOT_STARTED, UNAVAILABLE "
        "that any of its stages has. Where only some stages were rolled back, SUCCESS is about these, and the "
        "others still say NOT_STARTED; what can be rolled back now says the eligibility. "
        "Of a rollback: how it ended."
    )
    attempt: int = strawberry.field(description="Of a rollback: counts the attempts to undo the same execution.")

    @classmethod
    def of(cls, row: ExecutionRow) -> "Execution":
        return cls(
            id=global_id("Execution", row.id),
            row=row,
            kind=row.kind,
            sequence_id=row.sequence_id,
            status=row.status,
            triggered_by=row.triggered_by,
            reason=row.reason,
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            rollback_status=row.rollback_status,
            attempt=row.attempt,
        )

    @strawberry.field(description="The pipeline it runs.")
    def pipeline(self, info: Ctx) -> APipeline:
        return info.context.loaders.one(self.relations["pipeline"], self.row, pipelines.Pipeline.of)

    @strawberry.field(description="The YAML it runs with, frozen when it was accepted.")
    def yaml(self, info: Ctx) -> str:
        return info.context.loaders.mapped(self.relations["yaml"], self.row, str)

    @strawberry.field(
        description="Why it ended as it did, or why it is stopping; of a rollback that succeeded, which stages "
        "were restored. Null before, and of a deployment that simply succeeded. Why somebody asked for it says "
        "`reason`; stages and steps have a `statusReason` of their own."
    )
    def status_reason(self, info: Ctx) -> str | None:
        return info.context.loaders.optional(self.relations["status_reason"], self.row, str)

    @strawberry.field(description="Of a rollback: the second person's approval that it used, if it needed one.")
    def approval(self, info: Ctx) -> AnApproval | None:
        relation = self.relations["approval"]
        return info.context.loaders.optional(relation, self.row, approvals.RollbackApproval.of)

    @strawberry.field(description="The reasons against it that were set aside, and why.")
    def overrides(self, info: Ctx) -> list[Override]:
        return info.context.loaders.mapped(self.relations["overrides"], self.row, Override.of_all)

    @strawberry.field(description="Its stages in the order in which it runs them.")
    async def stages(self, info: Ctx) -> list[Stage]:
        rows = await info.context.loaders.load(stages_of_executions, self.row.id)
        await warm(info, Stage.relations, rows)
        return [Stage.of(row) for row in rows]

    @strawberry.field(description="Of a rollback: the execution it undoes.")
    def original_execution(self, info: Ctx) -> "Execution | None":
        return info.context.loaders.optional(self.relations["original_execution"], self.row, Execution.of)

    @strawberry.field(description="Of a deployment: every attempt to undo it, the newest last.")
    async def rollbacks(self, info: Ctx) -> list["Execution"]:
        rows = await info.context.loaders.load(rollbacks_of_executions, self.row.id)
        await warm(info, self.relations, rows)
        return [Execution.of(row) for row in rows]

    @strawberry.field(description="Whether all its deployment stages can be rolled back.")
    async def rollback_eligibility(self, info: Ctx) -> AnEligibility:
        scope = Scope(execution_id=self.row.id)
        return rollback.RollbackEligibility.of(await info.context.loaders.ask(eligibilities, scope))

    @strawberry.field(description="What happened in it, in order. The cursors are those of `executionProgress`.")
    async def events(
        self, info: Ctx, first: OnlyFirst = strawberry.UNSET, after: After = strawberry.UNSET
    ) -> Connection[ExecutionEvent]:
        found = await page(info.context.loaders, Events(), asked(first, after), (self.row.id,))
        return Connection(page=found, make=event_of, relations=ExecutionEvent.relations)
