"""approveRollback: a second person says yes to a rollback, for one plan, for half an hour, for once."""

import strawberry

from rollback import approving
from schema.context import Ctx
from schema.mutations.approvals import (
    APPROVAL,
    COMMENT,
    RollbackApprovalPayload,
    approval_payload,
    asked_about,
    decide,
)
from schema.mutations.auditing import Asked
from schema.mutations.payloads import CLIENT_MUTATION_ID


@strawberry.input(description="A request for approval to say yes to.")
class ApproveRollbackInput:
    approval_id: strawberry.ID = strawberry.field(description=APPROVAL)
    comment: str | None = strawberry.field(default=strawberry.UNSET, description=COMMENT)
    client_mutation_id: str | None = strawberry.field(default=strawberry.UNSET, description=CLIENT_MUTATION_ID)


def asked(wanted: ApproveRollbackInput) -> Asked:
    return asked_about(wanted.approval_id, wanted.comment)


async def approve(info: Ctx, wanted: ApproveRollbackInput) -> RollbackApprovalPayload:
    answer = await decide(info, wanted.approval_id, wanted.comment, approving.approve)
    return await approval_payload(info, wanted.client_mutation_id, answer)
