"""What may be rolled back: every verdict of one level is asked for in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from db.columns import now
from db.queries.executions import executions_by_id
from db.queries.instances import InstanceRow
from db.queries.places import Place, deployed_stages_by_place
from db.security.access import Access
from pipelines.runtime import Runtime
from resolvers.loading import Loaders
from rollback.eligibility import judge
from rollback.errors import ScopeNotFound
from rollback.values import Eligibility, Reason, ReasonCode, Scope


async def eligibilities(runtime: Runtime, access: Access, scopes: Sequence[Scope]) -> list[Eligibility]:
    """The verdict on each scope; rollback.errors.ScopeNotFound where one names nothing.

    What is seen may have been put there by an execution that is not: whoever sees only a part gets a verdict then.
    """
    if access.visible is None:
        return await judge(runtime, scopes, access)
    return [await _verdict_on_part(runtime, access, scope) for scope in scopes]


async def eligibility_of_scope(loaders: Loaders, scope: Scope) -> Eligibility:
    """The verdict on what the caller himself names; ScopeNotFound also where he may not see it."""
    access = await loaders.access()
    if access.visible is None:
        return await loaders.ask(eligibilities, scope)
    return (await judge(loaders.runtime, [scope], access))[0]


async def eligibility_of_instance(loaders: Loaders, instance: InstanceRow) -> Eligibility:
    """The verdict on the stage that deployed what the instance runs; instances of one stage share it."""
    if instance.stage_id is not None:
        return await loaders.ask(eligibilities, Scope(stage_ids=(instance.stage_id,)))
    reason = Reason(
        ReasonCode.NOT_A_DEPLOYMENT,
        "Unship did not deploy what this instance runs.",
        "Deploy the service with a pipeline first.",
    )
    return Eligibility.of((reason,), now())


async def scope_of_place(loaders: Loaders, place: Place) -> Scope | None:
    """The stages of the latest successful deployment in a place; None before the first."""
    stages = await loaders.load(deployed_stages_by_place, place)
    if not stages:
        return None
    latest = max(stage.execution_id for stage in stages)
    return Scope(stage_ids=tuple(stage.stage_id for stage in stages if stage.execution_id == latest))


async def shown(loaders: Loaders, reasons: Sequence[Reason]) -> list[Reason]:
    """The reasons as the caller may read them: executions that he does not see are not named."""
    if (await loaders.access()).visible is None:
        return list(reasons)
    return [await _shown(loaders, reason) for reason in reasons]


async def _shown(loaders: Loaders, reason: Reason) -> Reason:
    named = reason.execution_id
    if named is None or await loaders.load(executions_by_id, named) is not None:
        return reason
    return replace(
        reason,
        message="Another execution, which you may not see, concerns the same target.",
        remedy="Ask somebody who sees all environments.",
        execution_id=None,
    )


async def _verdict_on_part(runtime: Runtime, access: Access, scope: Scope) -> Eligibility:
    try:
        return (await judge(runtime, [scope], access))[0]
    except ScopeNotFound:
        reason = Reason(
            ReasonCode.PERMISSION_DENIED,
            "You may not see all that was deployed together with this.",
            "Ask an operator for grants in the other environments.",
        )
        return Eligibility.of((reason,), now())
