"""Two processes' worth of peers on one database: claims change hands once, and bells ring at the other one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import sqlalchemy as sa
from sqlmodel import col

from db.columns import now
from db.database import Database
from db.tables import Execution, Executor
from pipelines.bell import Bell
from pipelines.fencing import Superseded
from pipelines.peers.peer import Peer
from tests.pipelines.instances.seeds import add_stage, seed
from tests.support.runtimes import open_runtime

LEASE = 1.0
_PATIENCE_SECONDS = 20.0


class Stage:
    """Two living peers, a row of a third one that died an hour ago, and an execution that the dead one carried."""

    def __init__(self, database: Database, execution_id: str) -> None:
        self.database = database
        self.execution_id = execution_id
        self.first, self.second = Peer(database, LEASE), Peer(database, LEASE)
        self.bells = Bell(), Bell()
        self.working = AsyncExitStack(), AsyncExitStack()

    async def carried_by(self, executor_id: str | None) -> None:
        async with self.database.write() as session:
            await session.execute(sa.update(Execution).values(executor_id=executor_id))

    async def taken(self, peer: Peer) -> tuple[str, ...]:
        """What the peer looks after once it has something to look after."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while not (own := (await peer.look((), now())).own):
            assert time.monotonic() < until
            await peer.rest()
        return own

    async def hold(self, peer: Peer) -> None:
        async with self.database.write() as session:
            await peer.hold(session, self.execution_id)


def scenario(url: str, play: Callable[[Stage], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_runtime(url) as runtime, AsyncExitStack() as working:
            seeded = await seed(runtime)
            long_ago = now().replace(year=2020)
            async with runtime.database.write() as session:
                execution_id = (await add_stage(session, seeded, 1, "ann")).execution_id
                session.add(Executor(id="dead", started_at=long_ago, beaten_at=long_ago))
            stage = Stage(runtime.database, execution_id)
            await stage.carried_by("dead")
            peers = (stage.first, stage.second)
            for peer, bell, own in zip(peers, stage.bells, stage.working, strict=True):
                await working.enter_async_context(own)
                await own.enter_async_context(peer.working(bell))
            await play(stage)

    asyncio.run(run())


def test_what_a_dead_process_carried_is_taken_by_one_and_not_at_once(postgres_url: str) -> None:
    async def play(stage: Stage) -> None:
        assert (await stage.first.look((), now())).own == (), "it has watched for no lease yet"
        assert await stage.taken(stage.first) == (stage.execution_id,)
        await stage.first.check(stage.execution_id)
        await stage.hold(stage.first)
        with pytest.raises(Superseded):
            await stage.second.check(stage.execution_id)
        with pytest.raises(Superseded):
            await stage.hold(stage.second)
        assert (await stage.second.look((stage.execution_id,), now())).superseded == (stage.execution_id,)

    scenario(postgres_url, play)


def test_two_that_take_at_once_do_not_both_get_it(postgres_url: str) -> None:
    async def play(stage: Stage) -> None:
        for _ in range(20):
            await stage.carried_by("gone")
            found = await asyncio.gather(*(peer.look((), now()) for peer in (stage.first, stage.second)))
            assert [len(duties.own) for duties in found] in ([0, 1], [1, 0])

    scenario(postgres_url, play)


def test_a_claim_is_not_taken_out_of_a_transaction(postgres_url: str) -> None:
    async def play(stage: Stage) -> None:
        await stage.carried_by("gone")
        async with stage.database.write() as session:
            await session.execute(
                sa.select(col(Execution.id)).where(col(Execution.id) == stage.execution_id).with_for_update()
            )
            assert (await stage.first.look((), now())).own == (), "somebody still writes"
        assert (await stage.first.look((), now())).own == (stage.execution_id,)

    scenario(postgres_url, play)


def test_a_bell_rings_at_the_other_one(postgres_url: str) -> None:
    async def play(stage: Stage) -> None:
        ringing, hearing = stage.bells
        with hearing.listen("e1") as rung, hearing.listen("e2") as silent:
            # It hears from the moment on at which it says that it may have missed something.
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await rung.wait()
                rung.clear()
                silent.clear()
                ringing.ring("e1")
                await rung.wait()
            assert not silent.is_set()

    scenario(postgres_url, play)


def test_a_lost_connection_wakes_everybody(postgres_url: str) -> None:
    async def play(stage: Stage) -> None:
        _, hearing = stage.bells
        with hearing.listen("e1") as rung:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await rung.wait()
                rung.clear()
                async with stage.database.read() as connection:
                    await connection.execute(
                        sa.text(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                            "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                        )
                    )
                await rung.wait()

    scenario(postgres_url, play)


def test_the_older_one_leads_until_it_ends(postgres_url: str) -> None:
    async def play(stage: Stage) -> None:
        for peer in (stage.first, stage.second):
            await peer.look((), now())
        assert (stage.first.leads, stage.second.leads) == (True, False)
        await stage.working[0].aclose()
        await stage.second.look((), now())
        assert stage.second.leads

    scenario(postgres_url, play)


def test_what_a_stopped_process_leaves_open_is_ended_by_the_database(postgres_url: str) -> None:
    """Else its locks would keep everybody from what it carried. No rollback of the pool undoes the setting."""

    async def play(stage: Stage) -> None:
        for _ in range(2):
            async with stage.database.read() as connection:
                shown = await connection.scalar(sa.text("SHOW idle_in_transaction_session_timeout"))
            assert shown == "20s"

    scenario(postgres_url, play)
