"""Which old executions and instances may go: each reason to stay, alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import col

from db.columns import now
from db.queries.columns import table_of
from db.statuses import ExecutionStatus
from db.tables import Execution, Instance, Service, Stage, Target
from pipelines.instances import record_instances
from pipelines.retention import OWNED, Retired, retire
from pipelines.runtime import Runtime
from tests.pipelines.instances.seeds import Seed, add_stage, live, seed
from tests.support.runtimes import open_runtime

LATER = timedelta(days=1)


def scenario(database_url: str, play: Callable[[Runtime, Seed], Awaitable[None]]) -> None:
    """Play on a database with one target."""

    async def run() -> None:
        async with open_runtime(database_url) as runtime:
            await play(runtime, await seed(runtime))

    asyncio.run(run())


async def executions(runtime: Runtime, seeded: Seed, count: int, **columns: object) -> list[str]:
    """Executions that have ended, each with a stage at the target, oldest first."""
    found: list[str] = []
    async with runtime.database.write() as session:
        before = await session.scalar(sa.select(sa.func.count()).select_from(Execution)) or 0
        for number in range(count):
            mark = await add_stage(session, seeded, before + number + 1, "ann")
            found.append(mark.execution_id)
            ended = {"status": ExecutionStatus.SUCCEEDED, "finished_at": now(), **columns}
            await session.execute(
                sa.update(Execution).where(col(Execution.id) == mark.execution_id).values(**ended)
            )
    return found


async def left(runtime: Runtime) -> list[str]:
    """What is there after everything that ended before tomorrow has been retired."""
    await retire(runtime.database, now() + LATER)
    async with runtime.database.read() as connection:
        return list((await connection.scalars(sa.select(col(Execution.id)).order_by(col(Execution.id)))).all())


async def point(runtime: Runtime, seeded: Seed, column: str, execution: str) -> None:
    """Let the target name the stage of that execution."""
    async with runtime.database.write() as session:
        stage = await session.scalar(sa.select(col(Stage.id)).where(col(Stage.execution_id) == execution))
        assert stage is not None
        await session.execute(sa.update(Target).where(col(Target.id) == seeded.target.id).values({column: stage}))


def test_the_latest_at_a_target_stays_with_those_that_the_target_names(database_url: str) -> None:
    async def play(runtime: Runtime, seeded: Seed) -> None:
        _, deployed, _, current, _, latest = await executions(runtime, seeded, 6)
        await point(runtime, seeded, "deployed_stage_id", deployed)
        await point(runtime, seeded, "current_stage_id", current)
        assert await left(runtime) == [deployed, current, latest]
        await point(runtime, seeded, "deployed_stage_id", latest)
        await point(runtime, seeded, "current_stage_id", latest)
        assert await left(runtime) == [latest]

    scenario(database_url, play)


def test_one_that_has_not_ended_stays_and_so_does_one_that_ended_lately(database_url: str) -> None:
    async def play(runtime: Runtime, seeded: Seed) -> None:
        (running,) = await executions(runtime, seeded, 1, status=ExecutionStatus.RUNNING, finished_at=None)
        (young,) = await executions(runtime, seeded, 1, finished_at=now() + 2 * LATER)
        _, latest = await executions(runtime, seeded, 2)
        assert await left(runtime) == [running, young, latest]

    scenario(database_url, play)


def test_a_deployment_and_the_tries_to_undo_it_go_together(database_url: str) -> None:
    async def play(runtime: Runtime, seeded: Seed) -> None:
        (first,) = await executions(runtime, seeded, 1)
        (undo,) = await executions(runtime, seeded, 1, original_execution_id=first)
        (second,) = await executions(runtime, seeded, 1)
        lately = await executions(runtime, seeded, 1, original_execution_id=second, finished_at=now() + 2 * LATER)
        (latest,) = await executions(runtime, seeded, 1)
        assert await left(runtime) == [second, *lately, latest]
        assert undo not in await left(runtime)

    scenario(database_url, play)


def test_instances_keep_what_they_name_until_they_are_gone_for_long(database_url: str) -> None:
    async def play(runtime: Runtime, seeded: Seed) -> None:
        async with runtime.database.write() as session:
            mark = await add_stage(session, seeded, 1, "ann")
            await record_instances(session, seeded.target, [live("a"), live("b")], mark)
            ended = {"status": ExecutionStatus.SUCCEEDED, "finished_at": now()}
            await session.execute(sa.update(Execution).values(**ended))
        (latest,) = await executions(runtime, seeded, 1)
        assert await left(runtime) == [mark.execution_id, latest]
        async with runtime.database.write() as session:
            await record_instances(session, seeded.target, [live("b")])
            gone = sa.update(Instance).where(col(Instance.key) == "a")
            await session.execute(gone.values(removed_at=now() + 2 * LATER))
        async with runtime.database.write() as session:
            await session.execute(sa.delete(Instance).where(col(Instance.key) == "b"))
        assert await left(runtime) == [mark.execution_id, latest], "the history of an instance names it"
        async with runtime.database.write() as session:
            await session.execute(sa.update(Instance).values(execution_id=None))
        assert await left(runtime) == [mark.execution_id, latest], "by its stage"
        async with runtime.database.write() as session:
            await session.execute(sa.update(Instance).values(removed_at=now()))
        assert await retire(runtime.database, now() + LATER) == Retired(executions=1, instances=1)

    scenario(database_url, play)


def test_more_than_fit_into_one_transaction(database_url: str) -> None:
    async def play(runtime: Runtime, seeded: Seed) -> None:
        latest = (await executions(runtime, seeded, 50))[-1]
        assert await left(runtime) == [latest]

    scenario(database_url, play)


def test_everything_that_names_an_execution_is_thought_of() -> None:
    """A new table that does is deleted with it, or keeps it: decide which, and say so in `pipelines.retention`."""
    kept_by = {"instance", "stage", "step", "execution"}
    naming = {
        table.name
        for table in Service.metadata.tables.values()
        for key in table.foreign_keys
        if key.column.table.name in ("execution", "stage", "step")
    }
    assert naming == kept_by | {table_of(model).name for model in OWNED}
