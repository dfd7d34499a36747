"""What may be rolled back: every verdict of one level is asked for in one call."""

from __future__ import annotations

from collections.abc import Sequence

from db.columns import now
from db.queries.instances import InstanceRow
from db.queries.places import Place, deployed_stages_by_place
from pipelines.runtime import Runtime
from resolvers.loading import Loaders
from rollback.eligibility import judge
from rollback.values import Eligibility, Reason, ReasonCode, Scope


async def eligibilities(runtime: Runtime, subject: str, scopes: Sequence[Scope]) -> list[Eligibility]:
    """The verdict on each scope; rollback.errors.ScopeNotFound where one names nothing."""
    return await judge(runtime, scopes, subject)


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
