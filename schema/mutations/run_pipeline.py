"""runPipeline: a deployment, accepted and answered at once."""

import strawberry
from strawberry.scalars import JSON

from pipelines.answers import Refused
from pipelines.start import Given, RunRequest, run_pipeline
from resolvers.cursors import storable
from resolvers.errors import InputRefused
from resolvers.running import shown_refusal
from schema.context import Ctx
from schema.inputs import entries, given, text
from schema.mutations.auditing import Asked
from schema.mutations.overriding import RollbackOverrideInput, overrides_of, overrides_text
from schema.mutations.payloads import CLIENT_MUTATION_ID, UserError, execution_now
from schema.types.execution import Execution


@strawberry.input(description="A pipeline to run.")
class RunPipelineInput:
    pipeline_identifier: str = strawberry.field(description="Which pipeline.")
    variables: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="An object: values for the pipeline's variables, by name."
    )
    reason: str | None = strawberry.field(default=strawberry.UNSET, description="Why; kept with the execution.")
    idempotency_key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The same key with the same input is answered with the same execution; with another input "
        "it is refused with IDEMPOTENCY_KEY_REUSED.",
    )
    client_mutation_id: str | None = strawberry.field(default=strawberry.UNSET, description=CLIENT_MUTATION_ID)
    overrides: list[RollbackOverrideInput] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Reasons to set aside: FROZEN, where a freeze window holds in an environment of the pipeline.",
    )


@strawberry.type(description="The execution that was accepted, or why none was.")
class RunPipelinePayload:
    execution: Execution | None = strawberry.field(description="The execution, queued or running.")
    user_errors: list[UserError] = strawberry.field(description="Why nothing runs; empty if something does.")
    client_mutation_id: str | None = strawberry.field(description=CLIENT_MUTATION_ID)


def asked(wanted: RunPipelineInput) -> Asked:
    return Asked(
        f"Pipeline:{wanted.pipeline_identifier}",
        given(wanted.reason),
        {
            "idempotencyKey": given(wanted.idempotency_key),
            "overrides": overrides_text(wanted.overrides),
        },
    )


async def run(info: Ctx, wanted: RunPipelineInput) -> RunPipelinePayload:
    try:
        request = RunRequest(
            pipeline_identifier=text(wanted.pipeline_identifier) or "",
            variables=_variables(given(wanted.variables)),
            by=info.context.by,
            reason=text(wanted.reason),
            idempotency_key=text(wanted.idempotency_key),
            overrides=overrides_of(wanted.overrides),
        )
    except InputRefused as refused:
        return _payload(wanted, None, UserError.make(refused.code, refused.message))
    except _InvalidVariables as invalid:
        return _payload(wanted, None, UserError.make("INVALID_VARIABLES", str(invalid), ["variables"]))
    answer = await run_pipeline(info.context.runtime, request)
    if isinstance(answer, Refused):
        return _payload(wanted, None, UserError.of(await shown_refusal(info.context.loaders, request, answer)))
    return _payload(wanted, await execution_now(info.context, answer.execution_id))


def _payload(wanted: RunPipelineInput, execution: Execution | None, *errors: UserError) -> RunPipelinePayload:
    return RunPipelinePayload(
        execution=execution,
        user_errors=list(errors),
        client_mutation_id=given(wanted.client_mutation_id),
    )


class _InvalidVariables(Exception):
    pass


def _variables(value: JSON | None) -> dict[str, Given]:
    if value is None:
        return {}
    found = entries(value)
    if found is None:
        raise _InvalidVariables("`variables` must be an object of names and values.")
    variables: dict[str, Given] = {}
    for name, given_value in found:
        if not isinstance(given_value, Given) or not storable(f"{name}{given_value}"):
            raise _InvalidVariables(f'`variables`: "{name}" must be a text, a number or a boolean.')
        variables[name] = given_value
    return variables
