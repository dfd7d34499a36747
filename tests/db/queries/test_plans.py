"""No page of a list that grows scans a table: what each database says it would do, whatever the filters."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import product

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.seed import seed
from benchmarks.sizes import Size, environment_id, execution_id, service_id
from db.columns import now
from db.queries.audit import AuditEntries
from db.queries.environments import EnvironmentGroups, Environments
from db.queries.events import Events
from db.queries.executions import Executions, ExecutionsOf
from db.queries.instances import Instances, InstancesOf
from db.queries.keys import Key, key_table
from db.queries.listing import CursorKey, Spec, Window, slices_statement
from db.queries.pipelines import Pipelines
from db.queries.services import ServiceOrderField, Services
from db.statuses import AuditOutcome, EnvironmentType, ExecutionKind, ExecutionStatus, RollbackStatus
from providers.values import DeploymentType
from tests.support.runtimes import open_runtime

_GROWING = ("instance", "execution", "stage", "step", "event")
# What SQLite calls a scan is its way from the newest entry back: the table itself stands in that order.
_ALSO_GROWING = {"sqlite": (), "postgresql": ("auditentry",)}
_SMALL = Size(services=3, environments=2, executions_per_service=3)
_SERVICE: Key = (service_id(1),)
_ENVIRONMENT: Key = (environment_id(1),)
_DIALECTS: dict[str, Dialect] = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}
_PARENTS: dict[InstancesOf | ExecutionsOf | None, Key] = {
    None: (),
    InstancesOf.SERVICE: _SERVICE,
    InstancesOf.ENVIRONMENT: _ENVIRONMENT,
    InstancesOf.PLACE: (*_SERVICE, *_ENVIRONMENT),
    ExecutionsOf.SERVICE: _SERVICE,
    ExecutionsOf.PIPELINE: ("pipeline",),
}


def _pages() -> Iterator[tuple[Spec, Key, CursorKey]]:
    """Every list of the contract with every combination of its filters, its parents and a cursor."""
    for of, service, environment, infrastructure, artifact, status in product(
        (None, *InstancesOf),
        (None, "service1"),
        (None, "environment1"),
        (None, "infrastructure1"),
        (None, "web"),
        (None, RollbackStatus.FAILURE, RollbackStatus.UNAVAILABLE),
    ):
        yield Instances(of, service, environment, infrastructure, artifact, status), _PARENTS[of], ("0",)
    for of, pipeline, service, environment, kind, state in product(
        (None, *ExecutionsOf),
        (None, "pipeline1"),
        (None, "service1"),
        (None, "environment1"),
        (None, ExecutionKind.ROLLBACK),
        (None, ExecutionStatus.FAILED),
    ):
        yield Executions(of, pipeline, service, environment, kind, state), _PARENTS[of], ("0",)
    for search, kind_of, environment, tags, descending in product(
        (None, "a"), (None, DeploymentType.KUBERNETES), (None, "environment1"), ((), (("a", "b"),)), (False, True)
    ):
        by_name = Services(search, kind_of, environment, tags, ServiceOrderField.NAME, descending)
        yield by_name, (), ("a", "0")
        yield (
            Services(search, kind_of, environment, tags, ServiceOrderField.LAST_DEPLOYED_AT, descending),
            (),
            (None, "0"),
        )
    for search, type_of in product((None, "a"), (None, EnvironmentType.PRODUCTION)):
        yield Environments(search, type_of), (), ("a", "0")
    yield EnvironmentGroups(), (), ("a", "0")
    yield Pipelines(), (), ("a", "0")
    for subject, action, outcome, since, until in product(
        (None, "ci"), (None, "runPipeline"), (None, AuditOutcome.REFUSED), (None, now()), (None, now())
    ):
        yield AuditEntries(subject, action, outcome, None, since, until), (), (7,)
    yield Events(), (execution_id(1),), (3,)


async def _plan(connection: AsyncConnection, spec: Spec, parent: Key, window: Window) -> list[str]:
    name = connection.dialect.name
    statement = slices_statement(spec.listing(), key_table([parent], name == "sqlite"), window)
    text = str(statement.compile(dialect=_DIALECTS[name], compile_kwargs={"literal_binds": True}))
    explain = "EXPLAIN QUERY PLAN" if name == "sqlite" else "EXPLAIN"
    rows = await connection.exec_driver_sql(f"{explain} {text}")
    return [str(row[-1]) for row in rows]


def _scanned(plan: list[str]) -> set[str]:
    """The tables that are read from end to end, or by an index that only holds everything."""
    found: set[str] = set()
    for step in plan:
        words = step.replace("->", "").split()
        if words[:1] == ["SCAN"] and "USING" not in words:
            found.add(words[1])
        elif words[:3] == ["Seq", "Scan", "on"]:
            found.add(words[3])
    return found


def test_every_page_is_found_by_index(database_url: str) -> None:
    """PostgreSQL reads tables as small as these from end to end, unless it is told not to where it can."""

    async def check() -> None:
        async with open_runtime(database_url) as runtime:
            await seed(runtime.database, _SMALL)
            async with runtime.database.read() as connection:
                if connection.dialect.name != "sqlite":
                    await connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
                growing = {*_GROWING, *_ALSO_GROWING[connection.dialect.name]}
                for spec, parent, after in _pages():
                    for window in (Window(100, after=after), Window(100, backward=True)):
                        plan = await _plan(connection, spec, parent, window)
                        assert not _scanned(plan) & growing, (spec, window, plan)

    asyncio.run(check())


def test_services_by_name_come_in_the_order_of_their_index(database_url: str) -> None:
    """Capitals and small letters alike, and nothing is sorted for it."""

    async def check() -> None:
        async with open_runtime(database_url) as runtime:
            await seed(runtime.database, _SMALL)
            async with runtime.database.read() as connection:
                if connection.dialect.name != "sqlite":
                    await connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
                for descending in (False, True):
                    plan = await _plan(
                        connection, Services(descending=descending), (), Window(100, after=("b", "0"))
                    )
                    assert any("ix_service_folded_name" in step for step in plan), plan

    asyncio.run(check())


def test_sqlite_walks_all_instances_only_where_nothing_narrows_them(tmp_path: object) -> None:
    """Without statistics it has to be left no choice: an index on part of the filter, not the one over all."""

    async def check() -> None:
        async with open_runtime(f"sqlite:///{tmp_path}/unship.db") as runtime:
            await seed(runtime.database, _SMALL)
            async with runtime.database.read() as connection:
                for spec, parent, _ in _pages():
                    if not isinstance(spec, Instances) or spec == Instances():
                        continue
                    plan = await _plan(connection, spec, parent, Window(100))
                    walked = any("instance USING" in step and "ix_instance_live" in step for step in plan)
                    assert walked is (spec == Instances(rollback_status=RollbackStatus.UNAVAILABLE)), (spec, plan)

    asyncio.run(check())
