"""Each batch query answers every key in key order with one statement, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import col

from benchmarks.seed import seed
from benchmarks.sizes import Kind, Size, environment_id, execution_id, identifier, moment, service_id
from db.queries import byid, environments, events, executions, instances, pipelines, places, services, stages
from db.statuses import ExecutionStatus, RollbackStatus
from db.tables import Instance, Service, Target
from pipelines.runtime import Runtime
from resolvers.loading import Query
from tests.support.runtimes import open_runtime

SIZE = Size(services=3, environments=2, executions_per_service=10, stages=2, instances_per_target=5)
_INSTANCE, _STAGE, _STEP = (identifier(kind, 0) for kind in (Kind.INSTANCE, Kind.STAGE, Kind.STEP))
_PIPELINE, _GROUP, _INFRASTRUCTURE = (
    identifier(kind, 0) for kind in (Kind.PIPELINE, Kind.GROUP, Kind.INFRASTRUCTURE)
)
_HERE, _NOWHERE = (service_id(1), environment_id(0)), ("none", "none")


def _identifiers(rows: Sequence[Any]) -> list[str]:
    return [row.identifier for row in rows]


# Each query with a key that leads to something, how to see what, and that; and a key that leads to nothing.
QUERIES: list[tuple[Query[Any, Any], Any, Callable[[Any], Any], Any, Any, Any]] = [
    (services.services_by_id, service_id(1), lambda row: row.name, "Service 00001", "none", None),
    (services.services_by_identifier, "service1", lambda row: row.id, service_id(1), "none", None),
    (environments.environments_by_id, environment_id(1), lambda row: row.identifier, "environment1", "none", None),
    (environments.environments_by_identifier, "environment1", lambda row: row.id, environment_id(1), "none", None),
    (environments.groups_by_id, _GROUP, lambda row: row.name, "Everything", "none", None),
    (
        environments.infrastructures_by_id,
        _INFRASTRUCTURE,
        lambda row: row.spec["namespace"],
        "namespace0",
        "none",
        None,
    ),
    (environments.groups_of_environments, environment_id(1), _identifiers, ["everything"], "none", ()),
    (environments.environments_of_groups, _GROUP, _identifiers, ["environment0", "environment1"], "none", ()),
    (
        environments.infrastructures_of_environments,
        environment_id(1),
        _identifiers,
        ["infrastructure1"],
        "none",
        (),
    ),
    (pipelines.pipelines_by_id, _PIPELINE, lambda row: row.identifier, "pipeline0", "none", None),
    (pipelines.pipelines_by_identifier, "pipeline0", lambda row: row.id, _PIPELINE, "none", None),
    (pipelines.yaml_of_pipelines, _PIPELINE, lambda text: text[:9], "pipeline:", "none", None),
    (executions.executions_by_id, execution_id(4), lambda row: row.sequence_id, 2, "none", None),
    (executions.yaml_of_executions, execution_id(4), lambda text: text[:9], "pipeline:", "none", None),
    (
        executions.rollbacks_of_executions,
        execution_id(24),
        lambda rows: [row.id for row in rows],
        [execution_id(27)],
        execution_id(0),
        (),
    ),
    (stages.stages_by_id, _STAGE, lambda row: row.artifact["tag"], "0", "none", None),
    (stages.stages_of_executions, execution_id(4), _identifiers, ["stage0", "stage1"], "none", ()),
    (stages.steps_by_id, _STEP, lambda row: row.identifier, "step0", "none", None),
    (stages.steps_of_stages, _STAGE, _identifiers, ["step0", "step1"], "none", ()),
    (stages.outputs_of_steps, _STEP, lambda outputs: outputs, {"value": 0}, "none", None),
    (instances.instances_by_id, _INSTANCE, lambda row: row.key, "pod-0", "none", None),
    (instances.details_of_instances, _INSTANCE, lambda row: row.details["pod_name"], "pod-0", "none", None),
    (instances.counts_by_service, service_id(1), lambda count: count, 9, "none", 0),
    (
        instances.rollback_statuses_of_stages,
        _STAGE,
        lambda status: status,
        RollbackStatus.NOT_STARTED,
        "none",
        RollbackStatus.UNAVAILABLE,
    ),
    (
        instances.artifacts_by_place,
        _HERE,
        lambda rows: [(row.tag, row.instances) for row in rows],
        [("new-0", 3), ("old-0", 1)],
        _NOWHERE,
        (),
    ),
    (
        places.places_of_services,
        service_id(1),
        lambda rows: [(row.environment_id, row.last_deployed_at) for row in rows],
        [(environment_id(0), moment(28)), (environment_id(1), None)],
        "none",
        (),
    ),
    (
        places.places_of_environments,
        environment_id(0),
        lambda rows: [row.service_id for row in rows],
        [service_id(number) for number in (2, 1, 0)],
        "none",
        (),
    ),
    (places.counts_by_place, _HERE, lambda count: count, 4, _NOWHERE, 0),
    (places.last_executions_by_place, _HERE, lambda row: row.id, execution_id(28), _NOWHERE, None),
    (places.infrastructures_by_place, _HERE, _identifiers, ["infrastructure0"], _NOWHERE, ()),
    (
        places.current_stages_by_place,
        _HERE,
        lambda rows: [row.rollback_status for row in rows],
        [RollbackStatus.NOT_STARTED],
        _NOWHERE,
        (),
    ),
    (
        places.deployed_stages_by_place,
        _HERE,
        lambda rows: [row.execution_id for row in rows],
        [execution_id(28)],
        _NOWHERE,
        (),
    ),
]


async def _prepare(runtime: Runtime) -> None:
    """Gone: one of the instances of the place. Never deployed: service 1 in environment 1."""
    await seed(runtime.database, SIZE)
    gone = identifier(Kind.INSTANCE, 10)
    never = (col(Target.service_id) == service_id(1), col(Target.environment_id) == environment_id(1))
    async with runtime.database.write() as session:
        await session.execute(sa.update(Instance).where(col(Instance.id) == gone).values(removed_at=moment(0)))
        await session.execute(sa.update(Target).where(*never).values(last_deployed_at=None))


def test_every_query_answers_in_key_order_with_one_statement(database_url: str) -> None:
    async def check() -> None:
        async with open_runtime(database_url) as runtime:
            await _prepare(runtime)
            statements: list[str] = []

            def count(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
                statements.append(statement)

            event.listen(runtime.database.engine.sync_engine, "before_cursor_execute", count)
            for query, key, see, seen, missing, nothing in QUERIES:
                name = getattr(query, "__name__", "")
                async with runtime.database.read() as connection:
                    statements.clear()
                    answers = await query(connection, [missing, key, missing, key])
                assert len(statements) == 1, name
                assert [answers[0], answers[2]] == [nothing, nothing], name
                assert [see(answers[1]), see(answers[3])] == [seen, seen], name

    asyncio.run(check())


def test_the_status_of_an_execution_at_each_event(database_url: str) -> None:
    async def check() -> None:
        async with open_runtime(database_url) as runtime:
            await seed(runtime.database, SIZE)
            async with runtime.database.read() as connection:
                found = [
                    await events.status_at(connection, execution_id(1), number) for number in (0, 1, 9, 10, 99)
                ]
            running, ended = ExecutionStatus.RUNNING, ExecutionStatus.SUCCEEDED
            assert found == [None, running, running, ended, ended]

    asyncio.run(check())


def test_one_column_of_rows(database_url: str) -> None:
    async def check() -> None:
        async with open_runtime(database_url) as runtime:
            await seed(runtime.database, SIZE)
            async with runtime.database.read() as connection:
                found = await byid.values_by_id(connection, Service, "name", ["none", service_id(2)])
            assert found == [None, "Service 00002"]

    asyncio.run(check())
