"""What a caller wants to undo, from the one field it gives."""

import strawberry

from resolvers.errors import InputRefused, RefusalCode
from rollback.values import Scope
from schema.ids import required_id
from schema.inputs import given


@strawberry.input(one_of=True, description="What to undo: exactly one of these.")
class RollbackTargetInput:
    execution_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="All deployment stages of this execution."
    )
    stage_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="These stages; all must be of one execution."
    )
    instance_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The stage that deployed what this instance runs."
    )


def scope_of(target: RollbackTargetInput) -> Scope:
    """The scope in database ids; InputRefused with INVALID_ID for what is not an id of that type."""
    execution_id, instance_id = given(target.execution_id), given(target.instance_id)
    if execution_id is not None:
        return Scope(execution_id=required_id(execution_id, "Execution", "executionId"))
    if instance_id is not None:
        return Scope(instance_id=required_id(instance_id, "Instance", "instanceId"))
    stage_ids = given(target.stage_ids) or []
    if not stage_ids:
        raise InputRefused(
            RefusalCode.INVALID_ID, "`stageIds` is empty: at least one id is needed; pass the `id` of a stage."
        )
    return Scope(stage_ids=tuple(required_id(stage_id, "Stage", "stageIds") for stage_id in stage_ids))
