"""applyConfiguration: services, environments, groups, infrastructures and pipelines from YAML, all or nothing."""

import asyncio

import strawberry

from db.security.audit import digest_of
from pipelines.configuration import Applied, apply_configuration
from pipelines.permission import PERMISSION_DENIED
from pipelines.problems import Problem
from schema.context import Ctx
from schema.inputs import given
from schema.mutations.auditing import Asked
from schema.mutations.payloads import CLIENT_MUTATION_ID, UserError
from schema.nodes import node
from schema.types.node import Node


@strawberry.input(description="A configuration to apply.")
class ApplyConfigurationInput:
    yaml: str = strawberry.field(description="One or several YAML documents, in any order.")
    client_mutation_id: str | None = strawberry.field(default=strawberry.UNSET, description=CLIENT_MUTATION_ID)


@strawberry.type(description="What was applied, or why nothing was.")
class ApplyConfigurationPayload:
    applied: list[Node] = strawberry.field(description="What was created or updated.")
    user_errors: list[UserError] = strawberry.field(
        description="Every problem with its place in the YAML; if there is one, nothing was applied."
    )
    warnings: list[UserError] = strawberry.field(
        description="What was applied but may not do all that was meant, with its place in the YAML: "
        "NO_ROLLBACK_STEPS for a stage that deploys and declares no rollbackSteps. Expect new codes. Empty where "
        "nothing was applied."
    )
    client_mutation_id: str | None = strawberry.field(description=CLIENT_MUTATION_ID)


def asked(wanted: ApplyConfigurationInput) -> Asked:
    return Asked("Configuration", details={"yamlSha256": digest_of(wanted.yaml)})


async def apply(info: Ctx, wanted: ApplyConfigurationInput) -> ApplyConfigurationPayload:
    if not (await info.context.loaders.access()).may_configure():
        return _refused(wanted)
    runtime = info.context.runtime
    answer = await apply_configuration(runtime, wanted.yaml, None, production_stays=runtime.rules.authorize)
    info.context.renew()
    applied: list[Node] = []
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    if isinstance(answer, Applied):
        found = await asyncio.gather(*(node(info.context.loaders, *one) for one in answer.nodes))
        applied = [one for one in found if one is not None]
        warnings = answer.warnings
    else:
        problems = answer
    return ApplyConfigurationPayload(
        applied=applied,
        user_errors=[UserError.of_problem(problem) for problem in problems],
        warnings=[UserError.of_problem(warning) for warning in warnings],
        client_mutation_id=given(wanted.client_mutation_id),
    )


def _refused(wanted: ApplyConfigurationInput) -> ApplyConfigurationPayload:
    message = "You may not change the configuration: that needs the role admin."
    return ApplyConfigurationPayload(
        applied=[],
        user_errors=[UserError.make(PERMISSION_DENIED, message)],
        warnings=[],
        client_mutation_id=given(wanted.client_mutation_id),
    )
