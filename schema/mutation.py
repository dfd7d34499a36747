"""The mutations: each one file in schema/mutations, named by its verb."""

from typing import Annotated

import strawberry

from schema.context import Ctx
from schema.mutations import (
    abort_execution,
    apply_configuration,
    approve_rollback,
    reject_rollback,
    request_rollback_approval,
    rollback_deployment,
    run_pipeline,
    sync_instances,
)
from schema.mutations.abort_execution import AbortExecutionInput, AbortExecutionPayload, abort
from schema.mutations.apply_configuration import ApplyConfigurationInput, ApplyConfigurationPayload, apply
from schema.mutations.approvals import RollbackApprovalPayload
from schema.mutations.approve_rollback import ApproveRollbackInput, approve
from schema.mutations.auditing import audited
from schema.mutations.reject_rollback import RejectRollbackInput, reject
from schema.mutations.request_rollback_approval import RequestRollbackApprovalInput, request
from schema.mutations.rollback_deployment import RollbackDeploymentInput, RollbackDeploymentPayload, rollback
from schema.mutations.run_pipeline import RunPipelineInput, RunPipelinePayload, run
from schema.mutations.sync_instances import SyncInstancesInput, SyncInstancesPayload, sync

_input = strawberry.argument(description="What is wanted.")


@strawberry.type(description="Everything that can be done. What cannot be done is answered in `userErrors`.")
class Mutation:
    @strawberry.mutation(
        description="Creates or updates services, environments, groups, infrastructures, pipelines and freeze "
        "windows from YAML documents: all of them or nothing."
    )
    async def apply_configuration(
        self,
        info: Ctx,
        input: Annotated[ApplyConfigurationInput, _input],  # noqa: A002 - the contract's name
    ) -> ApplyConfigurationPayload:
        return await audited(info, apply_configuration.asked(input), apply(info, input))

    @strawberry.mutation(description="Runs a pipeline forward (a deployment). Returns at once with the execution.")
    async def run_pipeline(
        self,
        info: Ctx,
        input: Annotated[RunPipelineInput, _input],  # noqa: A002 - the contract's name
    ) -> RunPipelinePayload:
        return await audited(info, run_pipeline.asked(input), run(info, input))

    @strawberry.mutation(
        description="Checks, takes the locks, freezes the plan and returns at once with the rollback execution."
    )
    async def rollback_deployment(
        self,
        info: Ctx,
        input: Annotated[RollbackDeploymentInput, _input],  # noqa: A002 - the contract's name
    ) -> RollbackDeploymentPayload:
        return await audited(info, rollback_deployment.asked(input), rollback(info, input))

    @strawberry.mutation(
        description="Asks for a second person's approval of a rollback, where an environment requires that "
        "(APPROVAL_REQUIRED). Repeated for the same plan, the answer is the request that is open."
    )
    async def request_rollback_approval(
        self,
        info: Ctx,
        input: Annotated[RequestRollbackApprovalInput, _input],  # noqa: A002 - the field's usual name
    ) -> RollbackApprovalPayload:
        return await audited(info, request_rollback_approval.asked(input), request(info, input))

    @strawberry.mutation(
        description="Approves somebody else's rollback, if its plan is still what it was: who asked for it can "
        "then run it once, within 30 minutes."
    )
    async def approve_rollback(
        self,
        info: Ctx,
        input: Annotated[ApproveRollbackInput, _input],  # noqa: A002 - the field's usual name
    ) -> RollbackApprovalPayload:
        return await audited(info, approve_rollback.asked(input), approve(info, input))

    @strawberry.mutation(
        description="Rejects a rollback that waits for approval, or takes back an approval that was not used. Who "
        "asked for it can withdraw it so."
    )
    async def reject_rollback(
        self,
        info: Ctx,
        input: Annotated[RejectRollbackInput, _input],  # noqa: A002 - the field's usual name
    ) -> RollbackApprovalPayload:
        return await audited(info, reject_rollback.asked(input), reject(info, input))

    @strawberry.mutation(
        description="Stops an execution after its current step; a rollback that was aborted can be started again."
    )
    async def abort_execution(
        self,
        info: Ctx,
        input: Annotated[AbortExecutionInput, _input],  # noqa: A002 - the contract's name
    ) -> AbortExecutionPayload:
        return await audited(info, abort_execution.asked(input), abort(info, input))

    @strawberry.mutation(description="Lists the live instances at the platform now.")
    async def sync_instances(
        self,
        info: Ctx,
        input: Annotated[SyncInstancesInput, _input],  # noqa: A002 - the contract's name
    ) -> SyncInstancesPayload:
        return await audited(info, sync_instances.asked(input), sync(info, input))
