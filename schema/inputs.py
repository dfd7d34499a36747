"""Filters and orders, and what they ask of the queries."""

from datetime import UTC, datetime
from typing import Annotated, TypeVar, cast

import strawberry
from strawberry.scalars import JSON

from db.queries.approvals import Approvals
from db.queries.audit import AuditEntries
from db.queries.environments import Environments
from db.queries.executions import Executions, ExecutionsOf
from db.queries.instances import Instances, InstancesOf
from db.queries.services import ServiceOrderField, Services
from db.statuses import (
    ApprovalStatus,
    AuditOutcome,
    EnvironmentType,
    ExecutionKind,
    ExecutionStatus,
    RollbackStatus,
)
from providers.values import DeploymentType
from resolvers.cursors import storable
from resolvers.errors import InputRefused, RefusalCode
from schema.ids import required_id, split_id
from schema.types.enums import OrderDirection

ValueT = TypeVar("ValueT")


def given(value: ValueT | None) -> ValueT | None:
    """The value of an optional argument; None where the caller left it out."""
    return None if value is strawberry.UNSET else value


def text(value: str | None) -> str | None:
    """An optional text argument; InputRefused where no database could hold it."""
    value = given(value)
    if value is not None and not storable(value):
        raise InputRefused(RefusalCode.INVALID_VALUE, "A text has a NUL or a lone surrogate; remove it.")
    return value


def entries(value: object) -> list[tuple[str, object]] | None:
    """The names and values of a JSON object; None where it is something else."""
    return list(cast("dict[str, object]", value).items()) if isinstance(value, dict) else None


@strawberry.input(description="Which services: those that satisfy everything given.")
class ServiceFilter:
    search: str | None = strawberry.field(
        default=strawberry.UNSET, description="Part of the name or identifier, case ignored."
    )
    deployment_type: DeploymentType | None = strawberry.field(
        default=strawberry.UNSET, description="Deployed in this way."
    )
    environment_identifier: str | None = strawberry.field(
        default=strawberry.UNSET, description="Deployed to this environment at least once."
    )
    tags: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="An object; the service carries each of these tags with this value."
    )


@strawberry.input(description="How services are sorted.")
class ServiceOrder:
    field: ServiceOrderField = strawberry.field(description="By what.")
    direction: OrderDirection = strawberry.field(description="Which way.")


@strawberry.input(description="Which environments: those that satisfy everything given.")
class EnvironmentFilter:
    search: str | None = strawberry.field(
        default=strawberry.UNSET, description="Part of the name or identifier, case ignored."
    )
    type: EnvironmentType | None = strawberry.field(default=strawberry.UNSET, description="Of this type.")


@strawberry.input(description="Which live instances: those that satisfy everything given.")
class InstanceFilter:
    service_identifier: str | None = strawberry.field(default=strawberry.UNSET, description="Of this service.")
    environment_identifier: str | None = strawberry.field(
        default=strawberry.UNSET, description="In this environment."
    )
    infrastructure_identifier: str | None = strawberry.field(
        default=strawberry.UNSET, description="On an infrastructure of this identifier, in whichever environment."
    )
    artifact: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Part of the artifact's display name or image, case ignored, or its whole tag or digest.",
    )
    rollback_status: RollbackStatus | None = strawberry.field(
        default=strawberry.UNSET, description="What they run has this rollback status."
    )


@strawberry.input(description="Which executions: those that satisfy everything given.")
class ExecutionFilter:
    pipeline_identifier: str | None = strawberry.field(default=strawberry.UNSET, description="Of this pipeline.")
    service_identifier: str | None = strawberry.field(
        default=strawberry.UNSET, description="With a stage for this service."
    )
    environment_identifier: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="With a stage in this environment; the same stage, where a service is given too.",
    )
    kind: ExecutionKind | None = strawberry.field(default=strawberry.UNSET, description="Of this kind.")
    status: ExecutionStatus | None = strawberry.field(default=strawberry.UNSET, description="In this status.")


@strawberry.input(description="Which requests for approval: those that satisfy everything given.")
class RollbackApprovalFilter:
    status: ApprovalStatus | None = strawberry.field(default=strawberry.UNSET, description="In this status.")
    execution_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="To undo this deployment."
    )


@strawberry.input(description="Which entries of the audit log: those that satisfy everything given.")
class AuditFilter:
    actor: str | None = strawberry.field(default=strawberry.UNSET, description="By this subject or operator.")
    action: str | None = strawberry.field(
        default=strawberry.UNSET, description="Of this action, a mutation's name."
    )
    outcome: AuditOutcome | None = strawberry.field(default=strawberry.UNSET, description="Ended in this way.")
    object: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="About this: an `id` of this API, or type and name (`Pipeline:web`). Looked for in each entry "
        "that satisfies the rest.",
    )
    since: datetime | None = strawberry.field(default=strawberry.UNSET, description="Recorded then or later.")
    until: datetime | None = strawberry.field(default=strawberry.UNSET, description="Recorded before then.")


_MATCHING = strawberry.argument(description="Only what satisfies everything given here.")
ServicesWhere = Annotated[ServiceFilter | None, _MATCHING]
EnvironmentsWhere = Annotated[EnvironmentFilter | None, _MATCHING]
InstancesWhere = Annotated[InstanceFilter | None, _MATCHING]
ExecutionsWhere = Annotated[ExecutionFilter | None, _MATCHING]
ApprovalsWhere = Annotated[RollbackApprovalFilter | None, _MATCHING]
AuditWhere = Annotated[AuditFilter | None, _MATCHING]
ServicesBy = Annotated[ServiceOrder | None, strawberry.argument(description="How to sort; by default by name.")]


def services_spec(wanted: ServiceFilter | None, order: ServiceOrder | None) -> Services:
    """The services that a filter and an order ask for."""
    wanted, order = given(wanted) or ServiceFilter(), given(order)
    return Services(
        search=text(wanted.search),
        deployment_type=given(wanted.deployment_type),
        environment_identifier=text(wanted.environment_identifier),
        tags=_tags(given(wanted.tags)),
        order=order.field if order else ServiceOrderField.NAME,
        descending=order is not None and order.direction is OrderDirection.DESC,
    )


def environments_spec(wanted: EnvironmentFilter | None) -> Environments:
    """The environments that a filter asks for."""
    wanted = given(wanted) or EnvironmentFilter()
    return Environments(text(wanted.search), given(wanted.type))


def instances_spec(wanted: InstanceFilter | None, of: InstancesOf | None = None) -> Instances:
    """The instances that a filter asks for, under a kind of parent."""
    wanted = given(wanted) or InstanceFilter()
    return Instances(
        of=of,
        service_identifier=text(wanted.service_identifier),
        environment_identifier=text(wanted.environment_identifier),
        infrastructure_identifier=text(wanted.infrastructure_identifier),
        artifact=text(wanted.artifact),
        rollback_status=given(wanted.rollback_status),
    )


def executions_spec(wanted: ExecutionFilter | None, of: ExecutionsOf | None = None) -> Executions:
    """The executions that a filter asks for, under a kind of parent."""
    wanted = given(wanted) or ExecutionFilter()
    return Executions(
        of=of,
        pipeline_identifier=text(wanted.pipeline_identifier),
        service_identifier=text(wanted.service_identifier),
        environment_identifier=text(wanted.environment_identifier),
        kind=given(wanted.kind),
        status=given(wanted.status),
    )


def approvals_spec(wanted: RollbackApprovalFilter | None) -> Approvals:
    """The requests for approval that a filter asks for."""
    wanted = given(wanted) or RollbackApprovalFilter()
    execution = given(wanted.execution_id)
    key = None if execution is None else required_id(execution, "Execution", "executionId")
    return Approvals(given(wanted.status), key)


def audit_spec(wanted: AuditFilter | None) -> AuditEntries:
    """The entries of the audit log that a filter asks for."""
    wanted = given(wanted) or AuditFilter()
    target = text(wanted.object)
    parts = None if target is None else split_id(target)
    return AuditEntries(
        subject=text(wanted.actor),
        action=text(wanted.action),
        outcome=given(wanted.outcome),
        target=target if parts is None else ":".join(parts),
        since=_moment(wanted.since, "since"),
        until=_moment(wanted.until, "until"),
    )


def _moment(wanted: datetime | None, argument: str) -> datetime | None:
    """A time in UTC; InputRefused for one of no known place, or that no calendar has there."""
    wanted = given(wanted)
    try:
        if wanted is None or wanted.tzinfo is not None:
            return None if wanted is None else wanted.astimezone(UTC)
    except OverflowError:
        pass
    raise InputRefused(RefusalCode.INVALID_VALUE, f"`{argument}` needs a zone, as in 2026-01-31T08:00:00Z.")


def _tags(wanted: JSON | None) -> tuple[tuple[str, str], ...]:
    """Tags to look for. The JSON path that finds a tag has no way to write a quote or a backslash."""
    if wanted is None:
        return ()
    found = entries(wanted)
    if found is None:
        raise InputRefused(RefusalCode.INVALID_VALUE, "`tags` must be an object of names and texts.")
    tags: list[tuple[str, str]] = []
    for name, value in found:
        if not isinstance(value, str) or not storable(name + value) or set(name) & {'"', "\\"}:
            raise InputRefused(
                RefusalCode.INVALID_VALUE, "`tags` must be an object of names (without quotes) and texts."
            )
        tags.append((name, value))
    return tuple(sorted(tags))
