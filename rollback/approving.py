"""Asks for a second person's approval of a rollback, gives it and refuses it; each holds for one plan, once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from db.columns import now
from db.queries.approvals import ApprovalRow, approvals_by_id
from db.security.access import Standing
from db.security.grants import access_of
from db.statuses import ApprovalStatus
from db.tables import RollbackApproval
from pipelines.permission import PERMISSION_DENIED
from pipelines.runtime import Runtime
from pipelines.scope import Reader
from rollback.approval_writes import give, outdate, refuse
from rollback.approvals import HOW_TO_GET_NAMES, needing, scope_of
from rollback.circumstances import Surroundings
from rollback.eligibility import asked, recorded
from rollback.errors import ScopeNotFound
from rollback.facts import DeploymentFacts
from rollback.planning import changes_by_stage, plan_view
from rollback.refusing import blocking, certain, ineligible, stale_plan
from rollback.values import Reason, ReasonCode, RollbackPlanView, RollbackRefused, Scope

_HOLDS = timedelta(minutes=30)


@dataclass(frozen=True)
class ApprovalRequest:
    """A wish for an approval of the plan with this hash."""

    scope: Scope
    by: Standing
    plan_hash: str
    reason: str | None = None


@dataclass(frozen=True)
class Decision:
    """An answer to the request of this id."""

    approval_id: str
    by: Standing
    comment: str | None = None


async def request_approval(runtime: Runtime, request: ApprovalRequest) -> str | RollbackRefused:
    """The id of the request, also of the same one that is open already; or why there is nothing to ask for."""
    try:
        async with runtime.database.read() as connection:
            facts, around = await _recorded(connection, request.scope, request.by)
        refused = _not_askable(facts, around)
        if refused is not None:
            return refused
        platforms, changes = await asyncio.gather(asked(runtime, facts), changes_by_stage(runtime, facts))
        async with runtime.database.admit() as session:
            facts, around = await _recorded(session, request.scope, request.by)
            plan = plan_view(runtime, facts, platforms, changes, around)
            refused = _not_askable(facts, around) or _not_this_plan(plan, request.plan_hash, asking=True)
            return refused or await _ask(session, facts, around, request)
    except ScopeNotFound as error:
        return RollbackRefused("NOT_FOUND", str(error), path=("target",))


async def approve(runtime: Runtime, decision: Decision) -> str | RollbackRefused:
    """The id of the request that is approved now, its plan being what it was; or why it is not."""
    try:
        async with runtime.database.read() as connection:
            row, facts, around = await _decided_on(connection, decision)
        refused = _not_by_him(row, around) or _not_waiting(row)
        if refused is not None:
            return refused
        platforms, changes = await asyncio.gather(asked(runtime, facts), changes_by_stage(runtime, facts))
        async with runtime.database.admit() as session:
            row, facts, around = await _decided_on(session, decision)
            plan = plan_view(runtime, facts, platforms, changes, around)
            refused = _not_by_him(row, around) or _not_this_plan(plan, row.plan_hash, asking=False)
            if refused is not None:
                await outdate(session, [row.id] if refused.code == "PLAN_STALE" and certain(plan) else [])
                return refused
            given = await give(session, row.id, decision.by.subject, decision.comment, now() + _HOLDS)
            return row.id if given else _closed(row)
    except ScopeNotFound:
        return _unknown()


async def reject(runtime: Runtime, decision: Decision) -> str | RollbackRefused:
    """The id of the request that is refused, or the approval taken back; who asked may do so himself."""
    try:
        async with runtime.database.admit() as session:
            row, _, around = await _decided_on(session, decision)
            refused = None if row.requested_by == around.subject else _not_by_him(row, around)
            if refused is not None:
                return refused
            done = await refuse(session, row.id, decision.by.subject, decision.comment)
            return row.id if done else _closed(row)
    except ScopeNotFound:
        return _unknown()


async def _recorded(reader: Reader, scope: Scope, by: Standing) -> tuple[DeploymentFacts, Surroundings]:
    return await recorded(reader, scope, await access_of(reader, by))


async def _decided_on(reader: Reader, decision: Decision) -> tuple[ApprovalRow, DeploymentFacts, Surroundings]:
    """The request with what it is about; ScopeNotFound where there is none that he sees who decides."""
    (row,) = await approvals_by_id(reader, [decision.approval_id])
    if row is None:
        raise ScopeNotFound
    return row, *await _recorded(reader, Scope(stage_ids=tuple(row.stage_ids)), decision.by)


async def _ask(
    session: AsyncSession, facts: DeploymentFacts, around: Surroundings, request: ApprovalRequest
) -> str:
    """A new request, unless the same one is open; earlier ones for another plan come to nothing."""
    scope, subject = scope_of(facts), request.by.subject
    own = [one for one in around.approvals if one.requested_by == subject and sorted(one.stage_ids) == scope]
    same = next((one for one in own if one.plan_hash == request.plan_hash), None)
    if same is not None:
        return same.id
    await outdate(session, [one.id for one in own])
    row = RollbackApproval(
        execution_id=facts.mark.execution_id,
        stage_ids=scope,
        plan_hash=request.plan_hash,
        reason=request.reason,
        requested_by=subject,
        expires_at=now() + _HOLDS,
    )
    session.add(row)
    await session.flush()
    return row.id


def _not_askable(facts: DeploymentFacts, around: Surroundings) -> RollbackRefused | None:
    """Why he who asks cannot: he is nobody in particular, may not roll back there, or needs nobody's approval."""
    if around.subject is None:
        return _nameless()
    if around.forbidden:
        message = "You may not ask for it: that needs the permission to roll back in all its environments."
        return RollbackRefused(PERMISSION_DENIED, message, path=("target",))
    if needing(facts, around.requiring):
        return None
    message = "Nobody has to approve it: no environment of it requires that. Roll back with rollbackDeployment."
    return RollbackRefused("APPROVAL_NOT_REQUIRED", message, path=("target",))


def _not_by_him(row: ApprovalRow, around: Surroundings) -> RollbackRefused | None:
    """Why he who decides cannot: he asked himself, may not roll back there, or is nobody in particular."""
    if around.subject is None:
        return _nameless()
    if around.forbidden:
        message = "You may not decide about it: that needs the permission to roll back in all its environments."
        return RollbackRefused(PERMISSION_DENIED, message, path=("approvalId",))
    if row.requested_by == around.subject:
        message = "You asked for it yourself: somebody else has to approve it."
        return RollbackRefused("OWN_REQUEST", message, path=("approvalId",))
    return None


def _not_this_plan(plan: RollbackPlanView, plan_hash: str, *, asking: bool) -> RollbackRefused | None:
    """Why the plan would not run even with an approval, or that it is another one."""
    reasons = [reason for reason in blocking(plan.eligibility) if not _left_to_the_click(reason, asking)]
    if reasons:
        return ineligible(plan.eligibility, reasons)
    return None if plan.hash == plan_hash else stale_plan(plan, "when it was asked about")


def _left_to_the_click(reason: Reason, asking: bool) -> bool:
    """What an approval is there for, and what he who asks can override when he rolls back."""
    if reason.code is ReasonCode.FROZEN:
        return reason.overridable or not asking
    return reason.code is ReasonCode.APPROVAL_REQUIRED


def _not_waiting(row: ApprovalRow) -> RollbackRefused | None:
    return None if row.status_at(now()) is ApprovalStatus.PENDING else _closed(row)


def _closed(row: ApprovalRow) -> RollbackRefused:
    status = row.status_at(now())
    message = f"The request is {status} and cannot be answered so; a new one needs requestRollbackApproval."
    return RollbackRefused("APPROVAL_CLOSED", message, path=("approvalId",))


def _unknown() -> RollbackRefused:
    return RollbackRefused("NOT_FOUND", "There is no such request for approval.", path=("approvalId",))


def _nameless() -> RollbackRefused:
    message = f"Nobody is asked who he is here, so there is no second person. {HOW_TO_GET_NAMES}"
    return RollbackRefused("APPROVAL_IMPOSSIBLE", message)
