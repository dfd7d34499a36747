"""The records of a workflow: everything once, whatever a crash or an outage interrupts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import now
from db.database import Database
from db.tables import Checkpoint, Execution, Service
from pipelines.checkpoints import Checkpoints, DifferentRepetition, forget
from tests.pipelines.instances.seeds import add_stage, seed
from tests.support.runtimes import open_runtime


class Crash(BaseException):
    """The process dies here."""


def scenario(database_url: str, play: Callable[[Database, str], Awaitable[None]]) -> None:
    """Play on a database with one execution, whose id is given."""

    async def run() -> None:
        async with open_runtime(database_url) as runtime:
            seeded = await seed(runtime)
            async with runtime.database.write() as session:
                execution_id = (await add_stage(session, seeded, 1, "ann")).execution_id
            await play(runtime.database, execution_id)

    asyncio.run(run())


async def rename(session: AsyncSession) -> int:
    """An effect that shows how often it was applied."""
    renamed = await session.execute(
        sa.update(Service).values(name=col(Service.name) + "+").returning(col(Service.name))
    )
    return len(renamed.scalar_one())


async def service_name(database: Database) -> str:
    async with database.read() as connection:
        return (await connection.execute(sa.select(col(Service.name)))).scalar_one()


def test_a_repetition_is_answered_from_the_records(database_url: str) -> None:
    async def play(database: Database, execution_id: str) -> None:
        first = await Checkpoints.open(database, execution_id)
        assert await first.transaction("rename", rename) == 4
        assert await first.transaction("rename", rename) == 5
        again = await Checkpoints.open(database, execution_id)
        assert [await again.transaction("rename", rename) for _ in range(3)] == [4, 5, 6]
        assert await again.branch("beside").transaction("rename", rename) == 7
        last = await Checkpoints.open(database, execution_id)
        assert await last.branch("beside").transaction("rename", rename) == 7
        assert await service_name(database) == "web++++"

    scenario(database_url, play)


def test_a_crash_within_a_transaction_leaves_nothing_of_it(database_url: str) -> None:
    async def play(database: Database, execution_id: str) -> None:
        async def dies(session: AsyncSession) -> None:
            await rename(session)
            raise Crash

        checkpoints = await Checkpoints.open(database, execution_id)
        with pytest.raises(Crash):
            await checkpoints.transaction("rename", dies)
        assert await service_name(database) == "web"
        again = await Checkpoints.open(database, execution_id)
        assert await again.transaction("rename", rename) == 4

    scenario(database_url, play)


def test_a_step_acts_again_until_what_it_gave_is_recorded(database_url: str) -> None:
    async def play(database: Database, execution_id: str) -> None:
        acted: list[str] = []

        async def act() -> str:
            acted.append("act")
            return f"outcome {len(acted)}"

        async def dies(_session: AsyncSession, outcome: str) -> None:
            raise Crash(outcome)

        async def record(session: AsyncSession, outcome: str) -> list[object]:
            return [outcome, await rename(session)]

        with pytest.raises(Crash, match="outcome 1"):
            await (await Checkpoints.open(database, execution_id)).step("act", act, dies)
        for _ in range(2):
            checkpoints = await Checkpoints.open(database, execution_id)
            assert await checkpoints.step("act", act, record) == ["outcome 2", 4]
        assert acted == ["act", "act"]

    scenario(database_url, play)


def test_another_repetition_than_recorded_is_refused(database_url: str) -> None:
    async def play(database: Database, execution_id: str) -> None:
        await (await Checkpoints.open(database, execution_id)).transaction("begin a", rename)
        again = await Checkpoints.open(database, execution_id)
        with pytest.raises(DifferentRepetition, match='does "begin b" where its record /1 is "begin a"'):
            await again.transaction("begin b", rename)
        assert await service_name(database) == "web+"

    scenario(database_url, play)


def test_an_outage_is_outlasted_and_the_act_is_not_repeated_for_it(postgres_url: str) -> None:
    async def play(database: Database, execution_id: str) -> None:
        tries: list[str] = []

        async def act() -> str:
            tries.append("act")
            return "outcome"

        async def record(session: AsyncSession, outcome: str) -> str:
            tries.append("record")
            await rename(session)
            if len(tries) == 2:
                await session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
            return outcome

        checkpoints = await Checkpoints.open(database, execution_id)
        assert await checkpoints.step("act", act, record) == "outcome"
        assert tries == ["act", "record", "record"]
        assert await service_name(database) == "web+"

    scenario(postgres_url, play)


def test_an_outage_within_the_act_repeats_the_act(postgres_url: str) -> None:
    async def play(database: Database, execution_id: str) -> None:
        acted: list[str] = []

        async def act() -> str:
            acted.append("act")
            async with database.read() as connection:
                if len(acted) == 1:
                    await connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
            return "outcome"

        async def record(_session: AsyncSession, outcome: str) -> str:
            return outcome

        checkpoints = await Checkpoints.open(database, execution_id)
        assert await checkpoints.step("act", act, record) == "outcome"
        assert acted == ["act", "act"]

    scenario(postgres_url, play)


def test_a_commit_whose_answer_was_lost_is_not_done_twice(postgres_url: str) -> None:
    async def play(database: Database, execution_id: str) -> None:
        asked: list[str] = []

        async def work(session: AsyncSession) -> int:
            asked.append("work")
            committed = Checkpoints(database, execution_id)
            length = await committed.transaction("rename", rename)
            await session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
            return length

        checkpoints = await Checkpoints.open(database, execution_id)
        assert await checkpoints.transaction("rename", work) == 4
        assert asked == ["work"]
        assert await service_name(database) == "web+"

    scenario(postgres_url, play)


def test_the_records_of_what_ended_long_ago_are_forgotten(database_url: str) -> None:
    async def play(database: Database, execution_id: str) -> None:
        async def rows() -> int:
            async with database.read() as connection:
                return len((await connection.execute(sa.select(col(Checkpoint.position)))).all())

        async def ended(at: datetime | None, before: datetime) -> int:
            async with database.write() as session:
                await session.execute(sa.update(Execution).values(finished_at=at))
            await forget(database, finished_before=before)
            return await rows()

        day = timedelta(days=1)
        await (await Checkpoints.open(database, execution_id)).transaction("rename", rename)
        assert await ended(None, now() + day) == 1
        assert await ended(now() + 2 * day, now() + day) == 1
        assert await ended(now() - day, now() - 2 * day) == 1
        assert await ended(now(), now() + day) == 0

    scenario(database_url, play)
