"""What the mutations about a second person's approval answer with, and how a request is answered."""

from collections.abc import Awaitable, Callable

import strawberry

from db.queries.approvals import approvals_by_id
from pipelines.runtime import Runtime
from resolvers.errors import InputRefused
from rollback.approving import Decision
from rollback.values import ReasonCode, RollbackRefused
from schema.context import Ctx
from schema.ids import required_id
from schema.inputs import given, text
from schema.mutations.auditing import Asked, node_text
from schema.mutations.payloads import CLIENT_MUTATION_ID, UserError
from schema.mutations.verdicts import refusal_errors
from schema.types.approval import RollbackApproval
from schema.types.rollback import RollbackEligibility, RollbackPlan

Decide = Callable[[Runtime, Decision], Awaitable[str | RollbackRefused]]

APPROVAL = "Which request."
COMMENT = "What to say to it; kept with the request."


@strawberry.type(description="The request for approval, or why nothing about it has changed.")
class RollbackApprovalPayload:
    approval_id: strawberry.Private[str | None]
    approval: RollbackApproval | None = strawberry.field(description="The request as it is now; null if refused.")
    eligibility: RollbackEligibility | None = strawberry.field(
        description="The verdict for the caller, where reasons forbid the rollback; null otherwise."
    )
    plan: RollbackPlan | None = strawberry.field(
        description="The plan as it is now, where the one that was asked about is stale (PLAN_STALE)."
    )
    user_errors: list[UserError] = strawberry.field(description="Why nothing has changed; empty if it has.")
    client_mutation_id: str | None = strawberry.field(description=CLIENT_MUTATION_ID)


async def approval_payload(
    info: Ctx, client_mutation_id: str | None, answer: str | RollbackRefused
) -> RollbackApprovalPayload:
    """The payload for the id of a request, or for why not."""
    if isinstance(answer, RollbackRefused):
        plan, eligibility = answer.plan, answer.eligibility
        return RollbackApprovalPayload(
            approval_id=None,
            approval=None,
            eligibility=None if eligibility is None else RollbackEligibility.of(eligibility),
            plan=None if plan is None else RollbackPlan.of(plan),
            user_errors=await refusal_errors(info, answer, {ReasonCode.APPROVAL_REQUIRED}),
            client_mutation_id=given(client_mutation_id),
        )
    info.context.renew()
    row = await info.context.loaders.load(approvals_by_id, answer)
    return RollbackApprovalPayload(
        approval_id=answer,
        approval=None if row is None else RollbackApproval.of(row),
        eligibility=None,
        plan=None,
        user_errors=[],
        client_mutation_id=given(client_mutation_id),
    )


def refused_input(refused: InputRefused, path: str) -> RollbackRefused:
    """An input that cannot be used, as the payload takes it."""
    return RollbackRefused(refused.code, refused.message, path=(path,))


def asked_about(approval_id: strawberry.ID, comment: str | None) -> Asked:
    return Asked(node_text(approval_id), given(comment))


async def decide(info: Ctx, approval_id: strawberry.ID, comment: str | None, act: Decide) -> str | RollbackRefused:
    """Answer a request in this way."""
    try:
        key = required_id(approval_id, "RollbackApproval", "approvalId")
        decision = Decision(key, info.context.by, text(comment))
    except InputRefused as refused:
        return refused_input(refused, "approvalId")
    return await act(info.context.runtime, decision)
