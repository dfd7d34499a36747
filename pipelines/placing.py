"""Places a stage of the plan on its target: finds service, environment and infrastructure, and freezes them."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import new_id
from db.statuses import RollbackStatus
from db.tables import Environment, Infrastructure, Service, Target
from pipelines.layout import LaidOut, Use
from pipelines.plan import PlannedStage
from pipelines.resolving import Definitions, ResolvedStage
from providers.values import Artifact


class UnknownReference(Exception):
    """A stage names a service, environment or infrastructure that does not exist."""


@dataclass(frozen=True)
class Placed:
    """A stage that knows its target, with the documents it will deploy, and the ids of what they are.

    Of a stage of a rollback it is known at the start which artifact it goes back to, and from which.
    """

    stage: PlannedStage
    resolved: ResolvedStage = ResolvedStage()
    service_id: str | None = None
    environment_id: str | None = None
    infrastructure_id: str | None = None
    artifact: Artifact | None = None
    previous_artifact: Artifact | None = None
    rollback_status: RollbackStatus = RollbackStatus.UNAVAILABLE


async def place(session: AsyncSession, laid_out: LaidOut) -> Placed:
    """Place one stage; raises UnknownReference. Makes the target where nothing was deployed there before."""
    use = laid_out.use
    if use is None:
        return Placed(laid_out.stage)
    service = (
        await session.execute(sa.select(Service).where(col(Service.identifier) == use.service))
    ).scalar_one_or_none()
    if service is None:
        raise UnknownReference(f'there is no service "{use.service}"')
    environment = (
        await session.execute(sa.select(Environment).where(col(Environment.identifier) == use.environment))
    ).scalar_one_or_none()
    if environment is None:
        raise UnknownReference(f'there is no environment "{use.environment}"')
    infrastructure = await _infrastructure(session, environment, use)
    if infrastructure.deployment_type is not service.deployment_type:
        raise UnknownReference(
            f'the service "{use.service}" is of type {service.deployment_type}, '
            f'the infrastructure "{use.infrastructure}" of type {infrastructure.deployment_type}'
        )
    target_id = await _target(session, service.id, environment.id, infrastructure.id)
    stage = laid_out.stage.model_copy(update={"deployment_type": service.deployment_type, "target_id": target_id})
    definitions = Definitions(
        service=service.definition,
        environment=environment.definition,
        infrastructure=infrastructure.identifier,
        infrastructure_name=infrastructure.name,
        infrastructure_spec=infrastructure.spec,
    )
    resolved = ResolvedStage(definitions=definitions)
    return Placed(stage, resolved, service.id, environment.id, infrastructure.id)


async def _infrastructure(session: AsyncSession, environment: Environment, use: Use) -> Infrastructure:
    found = (
        await session.execute(
            sa.select(Infrastructure).where(
                col(Infrastructure.environment_id) == environment.id,
                col(Infrastructure.identifier) == use.infrastructure,
            )
        )
    ).scalar_one_or_none()
    if found is None:
        raise UnknownReference(f'the environment "{use.environment}" has no infrastructure "{use.infrastructure}"')
    return found


async def _target(session: AsyncSession, service: str, environment: str, infrastructure: str) -> str:
    found = (
        await session.execute(
            sa.select(col(Target.id)).where(
                col(Target.service_id) == service,
                col(Target.environment_id) == environment,
                col(Target.infrastructure_id) == infrastructure,
            )
        )
    ).scalar_one_or_none()
    if found is not None:
        return found
    target = Target(id=new_id(), service_id=service, environment_id=environment, infrastructure_id=infrastructure)
    session.add(target)
    await session.flush()
    return target.id
