"""Every start and change of an execution is told once, to those who asked for it."""

from __future__ import annotations

import asyncio

from db.columns import new_id
from db.queries.executions import Executions
from db.statuses import ExecutionKind, ExecutionStatus
from db.tables import Execution, Pipeline
from pipelines import journal
from pipelines.runtime import Runtime
from resolvers.changes import changed_executions
from tests.support.runtimes import open_runtime

_E = ExecutionStatus


async def _add(runtime: Runtime, sequence: int, status: ExecutionStatus = _E.QUEUED) -> str:
    key = new_id()
    async with runtime.database.write() as session:
        session.add(
            Execution(
                id=key,
                kind=ExecutionKind.DEPLOYMENT,
                sequence_id=sequence,
                pipeline_id="p",
                status=status,
                triggered_by="tester",
                yaml="",
                plan={},
            )
        )
    runtime.bell.ring(key)
    return key


async def _move(runtime: Runtime, key: str, *statuses: ExecutionStatus) -> None:
    async with runtime.database.write() as session:
        for status in statuses:
            await journal.move_execution(session, key, status)
    runtime.bell.ring(key)


def test_each_change_is_told_once_and_only_to_those_who_want_it(database_url: str) -> None:
    async def check() -> None:
        async with open_runtime(database_url) as runtime:
            async with runtime.database.write() as session:
                session.add(Pipeline(id="p", identifier="p", name="P", yaml=""))
            old = await _add(runtime, 1, _E.RUNNING)
            every = await changed_executions(runtime, Executions())
            failed = await changed_executions(runtime, Executions(status=_E.FAILED))

            new = await _add(runtime, 2)
            row = await anext(every)
            assert (row.id, row.status) == (new, _E.QUEUED), "what ran before is not told again"
            await _move(runtime, old, _E.FAILED)
            row = await anext(every)
            assert (row.id, row.status) == (old, _E.FAILED)
            row = await anext(failed)
            assert (row.id, row.status) == (old, _E.FAILED), "the new one, which did not fail, is not told"
            await _move(runtime, new, _E.RUNNING, _E.VERIFYING, _E.SUCCEEDED)
            row = await anext(every)
            assert (row.id, row.status) == (new, _E.SUCCEEDED), "quick changes are told as one"
            third, fourth = await _add(runtime, 3), await _add(runtime, 4)
            assert [(await anext(every)).id, (await anext(every)).id] == [third, fourth]
            await every.aclose()
            await failed.aclose()

    asyncio.run(check())
