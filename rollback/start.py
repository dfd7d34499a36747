"""Starts a rollback: the checks again inside the transaction that takes the locks, then the engine gets it."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.queries.approvals import ApprovalRow
from db.security.grants import access_of
from db.statuses import ExecutionKind, RollbackStatus
from db.tables import Execution
from pipelines.accepting import Accepted, accept, next_execution_id, next_sequence
from pipelines.answers import Refused, Started
from pipelines.ending import set_rollback_status
from pipelines.idempotency import Keyed, answered, refused_key, remember
from pipelines.overriding import kept, refused_overrides
from pipelines.placing import Placed
from pipelines.plan import PlannedStage
from pipelines.roots import run_words
from pipelines.runtime import Runtime
from pipelines.scope import Reader
from rollback.approval_writes import outdate, spend, spent_on
from rollback.approvals import usable
from rollback.circumstances import Surroundings
from rollback.eligibility import asked, recorded, verdict
from rollback.errors import ScopeNotFound
from rollback.facts import DeploymentFacts, StageFacts
from rollback.planning import Changes, changes_by_stage, executable_plan, frozen, plan_view
from rollback.refusing import blocking, certain, ineligible, stale_plan
from rollback.values import (
    Eligibility,
    Reason,
    RollbackPlanView,
    RollbackRefused,
    RollbackRequest,
    RollbackStarted,
)
from rollback.wording import original_run

_OPERATION = "rollbackDeployment"


async def roll_back(runtime: Runtime, request: RollbackRequest) -> RollbackStarted | RollbackRefused:
    """Check, lock, freeze the plan and hand it to the engine; or say why not, and nothing has happened."""
    async with runtime.clicks.turn(request.scope):
        return await _answer_to(runtime, request)


async def _answer_to(runtime: Runtime, request: RollbackRequest) -> RollbackStarted | RollbackRefused:
    try:
        refused = _refused_input(request) or await _repeated(runtime, request)
        answer = refused or await _roll_back(runtime, request)
    except ScopeNotFound as error:
        return RollbackRefused("NOT_FOUND", str(error), path=("target",))
    except IntegrityError:
        answer = await _lost_race(runtime, request)
    if isinstance(answer, RollbackStarted):
        return answer
    # Another server may have accepted the same key while this one checked.
    return await _repeated(runtime, request) or answer


async def _roll_back(runtime: Runtime, request: RollbackRequest) -> RollbackStarted | RollbackRefused:
    async with runtime.database.read() as connection:
        facts, around = await _recorded(connection, request)
    platforms = await asked(runtime, facts)
    eligibility = verdict(runtime, facts, platforms, around)
    if not eligibility.allows:
        return ineligible(eligibility, blocking(eligibility))
    approval, changes = usable(facts, around), None
    if request.plan_hash is not None or approval is not None:
        changes = await changes_by_stage(runtime, facts)
        plan = plan_view(runtime, facts, platforms, changes, around)
        approved = approval is None or approval.plan_hash == plan.hash
        if request.plan_hash not in (None, plan.hash) and approved:
            return stale_plan(plan)
    return await _take_in(runtime, request, platforms, changes)


async def _take_in(
    runtime: Runtime, request: RollbackRequest, platforms: tuple[Reason, ...], changes: Changes | None
) -> RollbackStarted | RollbackRefused:
    """The checks again, with what the platforms said before, under the lock that keeps them true."""
    async with runtime.database.admit() as session:
        before = await answered(session, _keyed(request))
        if before is not None:
            return _answer(before)
        facts, around = await _recorded(session, request)
        eligibility = verdict(runtime, facts, platforms, around)
        if not eligibility.allows:
            return ineligible(eligibility, blocking(eligibility))
        approval = usable(facts, around)
        if approval is not None:
            if changes is None:
                return _conflict(eligibility)
            plan = plan_view(runtime, facts, platforms, changes, around)
            refused = await _unapproved(session, plan, approval)
            if refused is not None:
                return refused
        execution_id = await _accept(session, facts, request, eligibility, runtime.fence.executor_id)
        if approval is not None:
            await spent_on(session, approval.id, execution_id)
    await runtime.enqueue(execution_id)
    runtime.bell.ring(execution_id)
    runtime.bell.ring(facts.mark.execution_id)
    return RollbackStarted(execution_id, eligibility, None if approval is None else approval.id)


async def _unapproved(
    session: AsyncSession, plan: RollbackPlanView, approval: ApprovalRow
) -> RollbackRefused | None:
    """Use the approval up for this plan; a refusal where it was for another one, or is no longer there."""
    if plan.hash != approval.plan_hash:
        await outdate(session, [approval.id] if certain(plan) else [])
        return stale_plan(plan, "when it was approved")
    return None if await spend(session, approval.id) else _conflict(plan.eligibility)


async def _recorded(reader: Reader, request: RollbackRequest) -> tuple[DeploymentFacts, Surroundings]:
    facts, around = await recorded(reader, request.scope, await access_of(reader, request.by))
    return facts, replace(around, overrides={one.code: one.justification for one in request.overrides})


async def _accept(
    session: AsyncSession,
    facts: DeploymentFacts,
    request: RollbackRequest,
    eligibility: Eligibility,
    executor_id: str | None,
) -> str:
    execution_id = await next_execution_id(session)
    sequence = await next_sequence(session, facts.pipeline_id)
    pairs = executable_plan(facts)
    execution = Execution(
        id=execution_id,
        kind=ExecutionKind.ROLLBACK,
        sequence_id=sequence,
        pipeline_id=facts.pipeline_id,
        rollback_status=RollbackStatus.STARTED,
        triggered_by=request.subject,
        reason=request.reason,
        yaml=facts.yaml,
        plan=frozen(tuple(planned for _, planned in pairs), request.by).as_json(),
        recorded={
            "pipeline": run_words(ExecutionKind.ROLLBACK, execution_id, sequence, request.subject),
            "originalExecution": original_run(facts),
        },
        original_execution_id=facts.mark.execution_id,
        attempt=await _attempt(session, facts),
        overrides=kept(
            request.overrides, ((one.code, one.message) for one in eligibility.reasons if one.set_aside)
        ),
        executor_id=executor_id,
    )
    placed = tuple(_placed(stage, planned) for stage, planned in pairs)
    targets = frozenset(planned.target_id for _, planned in pairs if planned.target_id)
    await accept(session, Accepted(execution, placed, targets))
    await set_rollback_status(
        session, [facts.mark.execution_id], [stage.id for stage, _ in pairs], RollbackStatus.STARTED
    )
    await remember(session, _keyed(request), execution_id)
    return execution_id


async def _attempt(session: AsyncSession, facts: DeploymentFacts) -> int:
    """The number of this try to undo the execution, whichever stages the earlier ones were about."""
    earlier = sa.select(sa.func.count()).where(col(Execution.original_execution_id) == facts.mark.execution_id)
    return 1 + (await session.execute(earlier)).scalar_one()


def _placed(stage: StageFacts, planned: PlannedStage) -> Placed:
    return Placed(
        planned,
        service_id=stage.service_id,
        environment_id=stage.environment_id,
        infrastructure_id=stage.infrastructure_id,
        artifact=stage.previous_artifact,
        previous_artifact=stage.artifact,
        rollback_status=RollbackStatus.STARTED,
    )


def _keyed(request: RollbackRequest) -> Keyed:
    scope = request.scope
    return Keyed(
        _OPERATION,
        request.subject,
        request.idempotency_key,
        {
            "execution": scope.execution_id,
            "stages": " ".join(sorted(scope.stage_ids or ())),
            "instance": scope.instance_id,
            "reason": request.reason,
            "planHash": request.plan_hash,
            "overrides": {override.code: override.justification for override in request.overrides},
        },
    )


async def _repeated(runtime: Runtime, request: RollbackRequest) -> RollbackStarted | RollbackRefused | None:
    """The answer that this idempotency key was given before, without asking any platform again."""
    if request.idempotency_key is None:
        return None
    async with runtime.database.admit() as session:
        before = await answered(session, _keyed(request))
    return _answer(before) if before is not None else None


def _answer(before: Started | Refused) -> RollbackStarted | RollbackRefused:
    if isinstance(before, Refused):
        return RollbackRefused(before.code, before.message, path=before.path)
    return RollbackStarted(before.execution_id, None)


def _refused_input(request: RollbackRequest) -> RollbackRefused | None:
    refused = refused_key(request.idempotency_key) or refused_overrides(request.overrides)
    return None if refused is None else RollbackRefused(refused.code, refused.message, path=refused.path)


async def _lost_race(runtime: Runtime, request: RollbackRequest) -> RollbackRefused:
    """Another process took the lock between our check and our write: the checks now say so themselves."""
    async with runtime.database.read() as connection:
        facts, around = await _recorded(connection, request)
    eligibility = verdict(runtime, facts, (), around)
    if eligibility.allows:
        return _conflict(eligibility)
    return ineligible(eligibility, blocking(eligibility))


def _conflict(eligibility: Eligibility) -> RollbackRefused:
    message = "Another request changed the same target at the same moment. Try again."
    return RollbackRefused("CONFLICT", message, eligibility, ("target",))
