"""requestRollbackApproval: ask a second person to approve a rollback."""

import strawberry

from resolvers.errors import InputRefused
from rollback.approving import ApprovalRequest, request_approval
from schema.context import Ctx
from schema.inputs import given, text
from schema.mutations.approvals import RollbackApprovalPayload, approval_payload, refused_input
from schema.mutations.auditing import Asked, target_text
from schema.mutations.payloads import CLIENT_MUTATION_ID
from schema.scopes import RollbackTargetInput, scope_of


@strawberry.input(description="A rollback that a second person is to approve.")
class RequestRollbackApprovalInput:
    target: RollbackTargetInput = strawberry.field(description="What to undo.")
    plan_hash: str = strawberry.field(
        description="The hash of the plan that was shown: the approval is for it alone."
    )
    reason: str | None = strawberry.field(
        default=strawberry.UNSET, description="Why; shown to the one who approves, and kept with the request."
    )
    client_mutation_id: str | None = strawberry.field(default=strawberry.UNSET, description=CLIENT_MUTATION_ID)


def asked(wanted: RequestRollbackApprovalInput) -> Asked:
    return Asked(target_text(wanted.target), given(wanted.reason), {"planHash": wanted.plan_hash})


async def request(info: Ctx, wanted: RequestRollbackApprovalInput) -> RollbackApprovalPayload:
    try:
        plan_hash, reason = text(wanted.plan_hash) or "", text(wanted.reason)
        made = ApprovalRequest(scope_of(wanted.target), info.context.by, plan_hash, reason)
    except InputRefused as refused:
        return await approval_payload(info, wanted.client_mutation_id, refused_input(refused, "target"))
    answer = await request_approval(info.context.runtime, made)
    return await approval_payload(info, wanted.client_mutation_id, answer)
