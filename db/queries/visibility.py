"""What is seen by somebody who may see only some environments: conditions for lists, and which rows pass them.

An execution is seen where every environment is that it touches, or that the execution touched which it undoes: so
its YAML, its stages and its events say nothing of others. What stands in no environment is seen by its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from db.queries.approvals import ApprovalRow
from db.queries.environments import EnvironmentRow, GroupRow, InfrastructureRow
from db.queries.executions import ExecutionRow
from db.queries.freezes import FreezeWindowRow, covered
from db.queries.instances import InstanceRow
from db.queries.pipelines import PipelineRow
from db.queries.services import ServiceRow
from db.queries.stages import StageRow, StepRow
from db.tables import (
    Environment,
    EnvironmentGroup,
    EnvironmentGroupMember,
    Execution,
    FreezeWindow,
    Infrastructure,
    Instance,
    Pipeline,
    RollbackApproval,
    Service,
    Stage,
    Step,
    Target,
)

Condition = sa.SQLColumnExpression[bool]
Column = sa.SQLColumnExpression[Any]
Environments = Set[str]


class Seen(NamedTuple):
    """How rows of one kind are told apart: what identifies them, and which of them are seen."""

    identity: Column
    condition: Callable[[Environments], Condition]


def execution_seen(execution_id: Column, environments: Environments, *around: Any) -> Condition:
    """Whether the execution of this id is seen. `around` are the tables, besides the usual, that the id is of."""
    own, foreign, undone, original = aliased(Stage), aliased(Stage), aliased(Stage), aliased(Execution)
    outer = (Execution, Stage, Step, *around)
    inside = sa.select(col(own.id)).where(
        col(own.execution_id) == execution_id, col(own.environment_id).in_(environments)
    )
    outside = sa.select(col(foreign.id)).where(
        col(foreign.execution_id) == execution_id, col(foreign.environment_id).not_in(environments)
    )
    outside_before = (
        sa.select(col(undone.id))
        .join(original, col(original.original_execution_id) == col(undone.execution_id))
        .where(col(original.id) == execution_id, col(undone.environment_id).not_in(environments))
    )
    return sa.and_(
        sa.exists(inside.correlate(*outer)),
        ~sa.exists(outside.correlate(*outer)),
        ~sa.exists(outside_before.correlate(*outer)),
    )


def environment_named(identifier: str, environments: Environments) -> Condition:
    """Whether the environment of this identifier is one of them: a filter tells nothing of the others."""
    named = sa.select(col(Environment.id)).where(
        col(Environment.identifier) == identifier, col(Environment.id).in_(environments)
    )
    return sa.exists(named)


def _services(environments: Environments) -> Condition:
    there = sa.select(col(Target.service_id)).where(col(Target.environment_id).in_(environments))
    return col(Service.id).in_(there)


def _groups(environments: Environments) -> Condition:
    member = col(EnvironmentGroupMember.environment_id)
    return col(EnvironmentGroup.id).in_(
        sa.select(col(EnvironmentGroupMember.group_id)).where(member.in_(environments))
    )


def _approvals(environments: Environments) -> Condition:
    return execution_seen(col(RollbackApproval.execution_id), environments, RollbackApproval)


def _freeze_windows(environments: Environments) -> Condition:
    pairs = covered()
    return col(FreezeWindow.id).in_(sa.select(pairs.c.window_id).where(pairs.c.environment_id.in_(environments)))


def _pipelines(environments: Environments) -> Condition:
    run = aliased(Execution)
    return col(Pipeline.id).in_(
        sa.select(col(run.pipeline_id)).where(execution_seen(col(run.id), environments, run))
    )


def _steps(environments: Environments) -> Condition:
    stage = aliased(Stage)
    return col(Step.stage_id).in_(
        sa.select(col(stage.id)).where(execution_seen(col(stage.execution_id), environments, stage))
    )


def _in(environment_id: Column) -> Callable[[Environments], Condition]:
    def seen(environments: Environments) -> Condition:
        return environment_id.in_(environments)

    return seen


def _of(execution_id: Column) -> Callable[[Environments], Condition]:
    def seen(environments: Environments) -> Condition:
        return execution_seen(execution_id, environments)

    return seen


SEEN: dict[type[Any], Seen] = {
    ServiceRow: Seen(col(Service.id), _services),
    EnvironmentRow: Seen(col(Environment.id), _in(col(Environment.id))),
    GroupRow: Seen(col(EnvironmentGroup.id), _groups),
    InfrastructureRow: Seen(col(Infrastructure.id), _in(col(Infrastructure.environment_id))),
    PipelineRow: Seen(col(Pipeline.id), _pipelines),
    InstanceRow: Seen(col(Instance.id), _in(col(Instance.environment_id))),
    ExecutionRow: Seen(col(Execution.id), _of(col(Execution.id))),
    StageRow: Seen(col(Stage.id), _of(col(Stage.execution_id))),
    StepRow: Seen(col(Step.id), _steps),
    ApprovalRow: Seen(col(RollbackApproval.id), _approvals),
    FreezeWindowRow: Seen(col(FreezeWindow.id), _freeze_windows),
}


async def those_seen(
    reader: AsyncConnection | AsyncSession, kind: type[Any], ids: Sequence[str], environments: Environments
) -> frozenset[str]:
    """The ids of those rows that are seen."""
    identity, condition = SEEN[kind]
    statement = sa.select(identity).where(identity.in_(ids), condition(environments))
    return frozenset(row[0] for row in await reader.execute(statement))


async def seen_counts_by_service(
    connection: AsyncConnection, service_ids: Sequence[str], environments: Environments
) -> list[int]:
    """How many live instances each service has in these environments."""
    service = col(Instance.service_id)
    statement = (
        sa.select(service, sa.func.count())
        .where(
            service.in_(service_ids),
            col(Instance.environment_id).in_(environments),
            col(Instance.removed_at).is_(None),
        )
        .group_by(service)
    )
    found = {row[0]: row[1] for row in await connection.execute(statement)}
    return [found.get(one, 0) for one in service_ids]


async def seen_yaml_of_pipelines(
    connection: AsyncConnection, ids: Sequence[str], environments: Environments
) -> list[str]:
    """The YAML of each pipeline if an execution that is seen ran with it as it is now, else an empty text."""
    run = aliased(Execution)
    ran = sa.select(col(run.id)).where(
        col(run.pipeline_id) == col(Pipeline.id),
        col(run.yaml) == col(Pipeline.yaml),
        execution_seen(col(run.id), environments, run),
    )
    statement = sa.select(col(Pipeline.id), col(Pipeline.yaml)).where(
        col(Pipeline.id).in_(ids), sa.exists(ran.correlate(Pipeline))
    )
    found = {row[0]: row[1] for row in await connection.execute(statement)}
    return [found.get(one, "") for one in ids]
