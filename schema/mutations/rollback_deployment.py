"""rollbackDeployment: checked, locked, its plan frozen, and answered at once."""

import strawberry

from db.security.access import Standing
from resolvers.errors import InputRefused
from rollback.start import roll_back
from rollback.values import (
    Eligibility,
    RollbackPlanView,
    RollbackRequest,
    RollbackStarted,
)
from schema.context import Ctx
from schema.inputs import given, text
from schema.mutations.auditing import Asked, target_text
from schema.mutations.overriding import RollbackOverrideInput, overrides_of, overrides_text
from schema.mutations.payloads import CLIENT_MUTATION_ID, UserError, execution_now
from schema.mutations.verdicts import refusal_errors
from schema.scopes import RollbackTargetInput, scope_of
from schema.types.execution import Execution
from schema.types.rollback import RollbackEligibility, RollbackPlan


@strawberry.input(description="A deployment to undo.")
class RollbackDeploymentInput:
    target: RollbackTargetInput = strawberry.field(description="What to undo.")
    reason: str | None = strawberry.field(default=strawberry.UNSET, description="Why; kept with the execution.")
    plan_hash: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The hash of the plan that was shown; if the plan has changed since, PLAN_STALE is answered.",
    )
    idempotency_key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The same key with the same input is answered with the same execution; with another input "
        "it is refused with IDEMPOTENCY_KEY_REUSED.",
    )
    overrides: list[RollbackOverrideInput] | None = strawberry.field(
        default=strawberry.UNSET, description="Reasons to set aside."
    )
    client_mutation_id: str | None = strawberry.field(default=strawberry.UNSET, description=CLIENT_MUTATION_ID)


@strawberry.type(description="The rollback that was accepted, or why none was.")
class RollbackDeploymentPayload:
    approval_id: strawberry.Private[str | None]
    execution: Execution | None = strawberry.field(description="The rollback; null where it was refused.")
    eligibility: RollbackEligibility | None = strawberry.field(
        description="The verdict as it was when the targets were locked; null where it did not come to one."
    )
    plan: RollbackPlan | None = strawberry.field(
        description="The plan as it is now, where the one that was seen is stale (PLAN_STALE); null otherwise."
    )
    user_errors: list[UserError] = strawberry.field(
        description="Why nothing was begun, one entry per blocking reason; empty if it was."
    )
    client_mutation_id: str | None = strawberry.field(description=CLIENT_MUTATION_ID)


def asked(wanted: RollbackDeploymentInput) -> Asked:
    return Asked(
        target_text(wanted.target),
        given(wanted.reason),
        {
            "planHash": given(wanted.plan_hash),
            "idempotencyKey": given(wanted.idempotency_key),
            "overrides": overrides_text(wanted.overrides),
        },
    )


async def rollback(info: Ctx, wanted: RollbackDeploymentInput) -> RollbackDeploymentPayload:
    try:
        request = _request(wanted, info.context.by)
    except InputRefused as refused:
        return _payload(wanted, None, None, [UserError.make(refused.code, refused.message, ["target"])])
    answer = await roll_back(info.context.runtime, request)
    if isinstance(answer, RollbackStarted):
        execution = await execution_now(info.context, answer.execution_id)
        return _payload(wanted, execution, answer.eligibility, [], approval_id=answer.approval_id)
    return _payload(wanted, None, answer.eligibility, await refusal_errors(info, answer), answer.plan)


def _request(wanted: RollbackDeploymentInput, by: Standing) -> RollbackRequest:
    return RollbackRequest(
        scope=scope_of(wanted.target),
        by=by,
        reason=text(wanted.reason),
        plan_hash=text(wanted.plan_hash),
        idempotency_key=text(wanted.idempotency_key),
        overrides=overrides_of(wanted.overrides),
    )


def _payload(
    wanted: RollbackDeploymentInput,
    execution: Execution | None,
    eligibility: Eligibility | None,
    errors: list[UserError],
    plan: RollbackPlanView | None = None,
    approval_id: str | None = None,
) -> RollbackDeploymentPayload:
    return RollbackDeploymentPayload(
        approval_id=approval_id,
        execution=execution,
        eligibility=None if eligibility is None else RollbackEligibility.of(eligibility),
        plan=None if plan is None else RollbackPlan.of(plan),
        user_errors=errors,
        client_mutation_id=given(wanted.client_mutation_id),
    )
