"""What the audit log is told of a mutation: what was asked for, as it was given, and how it ended."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from db.security.audit import Detail
from db.statuses import AuditOutcome
from resolvers.auditing import Attempt, Outcome
from schema.context import Ctx
from schema.ids import split_id
from schema.inputs import given
from schema.mutations.payloads import UserError
from schema.scopes import RollbackTargetInput
from schema.types.execution import Execution


@dataclass(frozen=True)
class Asked:
    """The input of a mutation as the log keeps it: no variables and no YAML, which may hold secrets."""

    target: str
    reason: str | None = None
    details: Mapping[str, Detail] = field(default_factory=dict[str, Detail])


class _Payload(Protocol):
    user_errors: list[UserError]


PayloadT = TypeVar("PayloadT", bound=_Payload)


async def audited(info: Ctx, asked: Asked, act: Coroutine[Any, Any, PayloadT]) -> PayloadT:
    """The payload, once the log has the entry."""
    context = info.context
    if context.auditor is None:
        return await act
    origin: dict[str, Detail] = {"address": context.origin.address, "tokenId": context.origin.token_id}
    attempt = Attempt(context.subject, info.field_name, asked.target, asked.reason, {**asked.details, **origin})
    return await context.auditor.carry_out(attempt, act, _outcome)


def node_text(global_id: str) -> str:
    """`Type:id` as the database has it, for a public id; else the text itself."""
    parts = split_id(global_id)
    return global_id if parts is None else ":".join(parts)


def target_text(target: RollbackTargetInput) -> str:
    """What is to be undone, as the database has it."""
    single = given(target.execution_id) or given(target.instance_id)
    named = [single] if single is not None else given(target.stage_ids) or []
    return " ".join(node_text(one) for one in named)


def _outcome(payload: _Payload) -> Outcome:
    errors = payload.user_errors
    execution: Execution | None = getattr(payload, "execution", None)
    details: dict[str, Detail] = {
        "executionId": None if execution is None else execution.row.id,
        "approvalId": getattr(payload, "approval_id", None),
    }
    if not errors:
        return Outcome(AuditOutcome.ACCEPTED, details=details)
    details["codes"] = sorted({error.code for error in errors})
    return Outcome(AuditOutcome.REFUSED, errors[0].code, errors[0].message, details)
