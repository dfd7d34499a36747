"""syncInstances: list the live instances at the platform now."""

import asyncio

import strawberry

from db.queries.instances import instances_by_id
from pipelines.answers import Refused
from pipelines.instances import sync_instances
from resolvers.errors import InputRefused
from resolvers.running import unseen_place
from schema.context import Ctx
from schema.inputs import given, text
from schema.mutations.auditing import Asked
from schema.mutations.payloads import CLIENT_MUTATION_ID, UserError
from schema.types.instance import Instance


@strawberry.input(description="Where to look.")
class SyncInstancesInput:
    service_identifier: str = strawberry.field(description="Which service.")
    environment_identifier: str = strawberry.field(description="In which environment.")
    client_mutation_id: str | None = strawberry.field(default=strawberry.UNSET, description=CLIENT_MUTATION_ID)


@strawberry.type(description="What was found, or why nothing could be asked.")
class SyncInstancesPayload:
    instances: list[Instance] | None = strawberry.field(
        description="The instances that live there now; null where the platform could not be asked."
    )
    user_errors: list[UserError] = strawberry.field(description="Why it could not be asked; empty if it could.")
    client_mutation_id: str | None = strawberry.field(description=CLIENT_MUTATION_ID)


def asked(wanted: SyncInstancesInput) -> Asked:
    return Asked(f"Service:{wanted.service_identifier} Environment:{wanted.environment_identifier}")


async def sync(info: Ctx, wanted: SyncInstancesInput) -> SyncInstancesPayload:
    try:
        service = text(wanted.service_identifier) or ""
        environment = text(wanted.environment_identifier) or ""
    except InputRefused as refused:
        return _payload(wanted, None, UserError.make(refused.code, refused.message))
    hidden = await unseen_place(info.context.loaders, service, environment)
    if hidden is not None:
        return _payload(wanted, None, UserError.of(hidden))
    answer = await sync_instances(info.context.runtime, service, environment)
    if isinstance(answer, Refused):
        return _payload(wanted, None, UserError.of(answer))
    info.context.renew()
    rows = await asyncio.gather(*(info.context.loaders.load(instances_by_id, key) for key in answer))
    return _payload(wanted, [Instance.of(row) for row in rows if row is not None])


def _payload(
    wanted: SyncInstancesInput, instances: list[Instance] | None, *errors: UserError
) -> SyncInstancesPayload:
    return SyncInstancesPayload(
        instances=instances,
        user_errors=list(errors),
        client_mutation_id=given(wanted.client_mutation_id),
    )
