"""Refusals of rollbacks as user errors."""

from collections.abc import Collection

from resolvers.rollbacks import shown
from rollback.refusing import blocking
from rollback.values import ReasonCode, RollbackRefused
from schema.context import Ctx
from schema.mutations.payloads import UserError


async def refusal_errors(
    info: Ctx, refused: RollbackRefused, apart_from: Collection[ReasonCode] = ()
) -> list[UserError]:
    """One entry per blocking reason where the verdict is the refusal, else the refusal itself."""
    reasons = blocking(refused.eligibility) if refused.eligibility is not None else ()
    told = [one for one in await shown(info.context.loaders, reasons) if one.code not in apart_from]
    if refused.code in {reason.code for reason in told}:
        return [UserError.make(reason.code, reason.message, ["target"]) for reason in told]
    return [UserError.make(refused.code, refused.message, refused.path)]
