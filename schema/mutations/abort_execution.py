"""abortExecution: stop after the current step."""

import strawberry

from pipelines.abort import abort_execution
from pipelines.answers import Refused
from resolvers.errors import InputRefused
from schema.context import Ctx
from schema.ids import required_id
from schema.inputs import given, text
from schema.mutations.auditing import Asked, node_text
from schema.mutations.payloads import CLIENT_MUTATION_ID, UserError, execution_now
from schema.types.execution import Execution


@strawberry.input(description="An execution to stop.")
class AbortExecutionInput:
    execution_id: strawberry.ID = strawberry.field(description="Which execution.")
    reason: str | None = strawberry.field(default=strawberry.UNSET, description="Why; kept with the execution.")
    client_mutation_id: str | None = strawberry.field(default=strawberry.UNSET, description=CLIENT_MUTATION_ID)


@strawberry.type(description="The execution that is stopping, or why it is not.")
class AbortExecutionPayload:
    execution: Execution | None = strawberry.field(description="The execution, stopping.")
    user_errors: list[UserError] = strawberry.field(description="Why it does not stop; empty if it does.")
    client_mutation_id: str | None = strawberry.field(description=CLIENT_MUTATION_ID)


def asked(wanted: AbortExecutionInput) -> Asked:
    return Asked(node_text(wanted.execution_id), given(wanted.reason))


async def abort(info: Ctx, wanted: AbortExecutionInput) -> AbortExecutionPayload:
    try:
        execution_id = required_id(wanted.execution_id, "Execution", "executionId")
        reason = text(wanted.reason)
    except InputRefused as refused:
        return _payload(wanted, None, UserError.make(refused.code, refused.message, ["executionId"]))
    answer = await abort_execution(info.context.runtime, execution_id, info.context.by, reason)
    if isinstance(answer, Refused):
        return _payload(wanted, None, UserError.of(answer))
    return _payload(wanted, await execution_now(info.context, answer.execution_id))


def _payload(
    wanted: AbortExecutionInput, execution: Execution | None, *errors: UserError
) -> AbortExecutionPayload:
    return AbortExecutionPayload(
        execution=execution,
        user_errors=list(errors),
        client_mutation_id=given(wanted.client_mutation_id),
    )
