"""No page of a list that grows scans a table: what SQLite says it would do, on a database without statistics."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from benchmarks.seed import seed
from benchmarks.sizes import Size, environment_id, execution_id, service_id
from db.queries.events import Events
from db.queries.executions import Executions, ExecutionsOf
from db.queries.instances import Instances, InstancesOf
from db.queries.keys import Key, key_table
from db.queries.listing import CursorKey, Spec, Window, slices_statement
from db.statuses import ExecutionStatus
from pipelines.runtime import Runtime
from tests.support.runtimes import open_runtime

_GROWING = ("instance", "execution", "stage", "step", "event")
_AFTER: CursorKey = ("0",)
_SERVICE: Key = (service_id(1),)
_ENVIRONMENT: Key = (environment_id(1),)

PAGES: dict[str, tuple[Spec, Key, CursorKey]] = {
    "instances": (Instances(), (), _AFTER),
    "instances of services": (Instances(InstancesOf.SERVICE), _SERVICE, _AFTER),
    "instances of environments": (Instances(InstancesOf.ENVIRONMENT), _ENVIRONMENT, _AFTER),
    "instances of places": (Instances(InstancesOf.PLACE), (*_SERVICE, *_ENVIRONMENT), _AFTER),
    "instances of one service": (Instances(service_identifier="service1"), (), _AFTER),
    "instances of one environment": (Instances(environment_identifier="environment1"), (), _AFTER),
    "instances of one infrastructure": (Instances(infrastructure_identifier="infrastructure1"), (), _AFTER),
    "executions": (Executions(), (), _AFTER),
    "executions of services": (Executions(ExecutionsOf.SERVICE), _SERVICE, _AFTER),
    "executions of pipelines": (Executions(ExecutionsOf.PIPELINE), ("pipeline",), _AFTER),
    "executions of one environment": (Executions(environment_identifier="environment1"), (), _AFTER),
    "executions of one service": (Executions(service_identifier="service1"), (), _AFTER),
    "failed executions": (Executions(status=ExecutionStatus.FAILED), (), _AFTER),
    "events": (Events(), (execution_id(1),), (3,)),
}


async def _plan(runtime: Runtime, spec: Spec, parent: Key, window: Window) -> list[str]:
    statement = slices_statement(spec.listing(), key_table([parent], is_sqlite=True), window)
    text = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    async with runtime.database.read() as connection:
        return [row[3] for row in await connection.execute(sa.text(f"EXPLAIN QUERY PLAN {_escaped(str(text))}"))]


def _escaped(statement: str) -> str:
    return statement.replace(":", "\\:")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_found_by_index(tmp_path: Path, name: str) -> None:
    spec, parent, after = PAGES[name]

    async def check() -> None:
        async with open_runtime(f"sqlite:///{tmp_path}/unship.db") as runtime:
            await seed(runtime.database, Size(services=3, environments=2, executions_per_service=3))
            for window in (Window(100), Window(100, after=after), Window(100, True, before=after)):
                plan = await _plan(runtime, spec, parent, window)
                assert any("keys" in step for step in plan), plan
                for step in plan:
                    words = step.split()
                    scanned = words[0] == "SCAN" and words[1] in _GROWING
                    assert not scanned or "USING" in words, plan
                if "service" in name:
                    assert not any("ix_instance_live" in step for step in plan), plan

    asyncio.run(check())
