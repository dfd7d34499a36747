"""A second person's approval of a rollback."""

from datetime import datetime
from operator import attrgetter
from typing import ClassVar

import strawberry

from db.columns import now
from db.queries.approvals import ApprovalRow
from db.queries.executions import executions_by_id
from db.queries.stages import stages_by_id
from db.statuses import ApprovalStatus
from resolvers.approving import may_decide
from resolvers.loading import Relation
from schema.context import Ctx
from schema.ids import global_id
from schema.types import execution as executions
from schema.types import stage as stages
from schema.types.lazies import AnExecution, AStage
from schema.types.node import Node
from schema.warming import Relations, warm


@strawberry.type(description="A request to roll something back, for a second person to approve or reject.")
class RollbackApproval(Node):
    relations: ClassVar[Relations] = {
        "execution": Relation(executions_by_id, attrgetter("execution_id")),
        "rollback": Relation(executions_by_id, attrgetter("rollback_id")),
    }
    row: strawberry.Private[ApprovalRow]
    status: ApprovalStatus = strawberry.field(description="How far it is.")
    plan_hash: str = strawberry.field(description="The plan that it is for; for another one it is worth nothing.")
    reason: str | None = strawberry.field(description="Why, as the one who asked for it said.")
    requested_by: str = strawberry.field(description="Who asked for it, and who alone can use it.")
    requested_at: datetime = strawberry.field(description="When it was asked for.")
    expires_at: datetime = strawberry.field(
        description="Until when it can be approved; once it is, until when it can be used."
    )
    decided_by: str | None = strawberry.field(description="Who approved or rejected it; null before.")
    decided_at: datetime | None = strawberry.field(description="When.")
    comment: str | None = strawberry.field(description="What was said to it.")

    @classmethod
    def of(cls, row: ApprovalRow) -> "RollbackApproval":
        return cls(
            id=global_id("RollbackApproval", row.id),
            row=row,
            status=row.status_at(now()),
            plan_hash=row.plan_hash,
            reason=row.reason,
            requested_by=row.requested_by,
            requested_at=row.requested_at,
            expires_at=row.expires_at,
            decided_by=row.decided_by,
            decided_at=row.decided_at,
            comment=row.comment,
        )

    @strawberry.field(description="The deployment to undo.")
    def execution(self, info: Ctx) -> AnExecution:
        return info.context.loaders.one(self.relations["execution"], self.row, executions.Execution.of)

    @strawberry.field(description="The stages of it that are to be undone.")
    async def stages(self, info: Ctx) -> list[AStage]:
        found = [await info.context.loaders.load(stages_by_id, key) for key in self.row.stage_ids]
        rows = [row for row in found if row is not None]
        await warm(info, stages.Stage.relations, rows)
        return [stages.Stage.of(row) for row in rows]

    @strawberry.field(description="The rollback that used it; null before.")
    def rollback(self, info: Ctx) -> AnExecution | None:
        return info.context.loaders.optional(self.relations["rollback"], self.row, executions.Execution.of)

    @strawberry.field(description="Whether the caller may approve it now: it waits, for somebody else than him.")
    async def viewer_may_approve(self, info: Ctx) -> bool:
        return await may_decide(info.context.loaders, self.row)
