"""One process among several on a PostgreSQL database: its claims, and what it takes over from those that died."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import new_id
from db.database import Database
from db.outages import outlast
from db.statuses import ACTIVE_EXECUTIONS
from db.tables import Execution, Executor
from pipelines.bell import Bell
from pipelines.fencing import Superseded
from pipelines.peers.duties import Carried, Duties, Member, Situation, duties
from pipelines.peers.heart import Heart
from pipelines.peers.wire import Wire

logger = logging.getLogger(__name__)

_LONGEST_REST_SECONDS = 2.0
_RESTS_PER_LEASE = 10
_FORGOTTEN = timedelta(days=1)

_NOW = sa.func.clock_timestamp()
_MINE = (col(Execution.id) == sa.bindparam("execution"), col(Execution.executor_id) == sa.bindparam("me"))
_HOLD = sa.select(sa.true()).where(*_MINE).with_for_update(key_share=True)
_FRESH = (
    sa.select(col(Executor.beaten_at) > _NOW - sa.bindparam("age", type_=sa.Interval()))
    .select_from(Execution)
    .outerjoin(Executor, col(Executor.id) == col(Execution.executor_id))
    .where(*_MINE)
)


class Peer:
    """This process as the others on its database see it. Times in seconds; fence and carrier of its executions."""

    def __init__(self, database: Database, lease: float) -> None:
        self.executor_id = new_id()
        self.leads = False
        self._database = database
        self._lease = lease
        self._heart = Heart(database.url, self.executor_id, lease)
        self._look_again = asyncio.Event()

    @asynccontextmanager
    async def working(self, bell: Bell) -> AsyncGenerator[None]:
        """Alive within the block, to the others too; their bells ring here, and this one there."""
        await asyncio.to_thread(self._heart.start)
        wire = Wire(self._database, bell, self.executor_id, self._look_again.set)
        bell.relay = wire.relay
        wires = [asyncio.create_task(wire.keep_saying()), asyncio.create_task(wire.keep_hearing())]
        try:
            yield
        finally:
            await asyncio.to_thread(self._heart.stop)
            for task in wires:
                task.cancel()
            await asyncio.gather(*wires, return_exceptions=True)

    async def hold(self, session: AsyncSession, execution_id: str) -> None:
        """Lock the claim until the transaction ends: a takeover waits for it, or has come before it."""
        if (await session.execute(_HOLD, {"execution": execution_id, "me": self.executor_id})).first() is None:
            raise self._superseded(execution_id)

    async def check(self, execution_id: str) -> None:
        """As `pipelines.fencing.Fence`: at least a quarter of the lease is left in which nobody takes over.

        The process may have been stopped at any point, in the middle of this one too; so the time that the answer
        took counts, and an own beat that is old is waited for.
        """
        age = timedelta(seconds=self._lease / 2)
        asking = {"execution": execution_id, "me": self.executor_id, "age": age}

        async def ask(_again: bool) -> bool:
            async with self._database.read() as connection:
                row = (await connection.execute(_FRESH, asking)).first()
            if row is None:
                raise self._superseded(execution_id)
            return bool(row[0])

        while True:
            asked = time.monotonic()
            if await outlast(ask) and time.monotonic() - asked < self._lease / 4:
                return
            await asyncio.sleep(self._lease / 20)

    async def look(self, running: Collection[str], settled_before: datetime) -> Duties:
        """What there is to do now; what could be taken over is taken, and is among its own then."""
        running = tuple(running)
        found = duties(
            Situation(
                self.executor_id,
                running,
                await self._executions(running),
                await self._members(),
                settled_before,
                self._heart.may_judge,
            )
        )
        self.leads = found.leads
        taken: list[str] = []
        for former, execution_ids in found.takeable.items():
            taken += await self._take(former, execution_ids)
        if taken:
            logger.warning("taken over from processes that ended: executions %s", ", ".join(taken))
        return Duties((*found.own, *taken), found.superseded)

    async def rest(self) -> None:
        """Until it is time to look again, or another process has ended in order."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(_LONGEST_REST_SECONDS, self._lease / _RESTS_PER_LEASE)):
                await self._look_again.wait()
        self._look_again.clear()

    async def forget(self) -> None:
        """Delete the rows of processes that died long ago and of which nothing is left to be taken over."""
        if not self._heart.may_judge:
            return
        carries = sa.exists().where(
            col(Execution.executor_id) == col(Executor.id), col(Execution.status).in_(ACTIVE_EXECUTIONS)
        )
        async with self._database.write() as session:
            await session.execute(sa.delete(Executor).where(col(Executor.beaten_at) < _NOW - _FORGOTTEN, ~carries))

    async def _executions(self, running: Sequence[str]) -> list[Carried]:
        active = col(Execution.status).in_(ACTIVE_EXECUTIONS)
        query = sa.select(
            col(Execution.id), col(Execution.executor_id), col(Execution.created_at), sa.not_(active)
        ).where(active | col(Execution.id).in_(running))
        async with self._database.read() as connection:
            return [Carried(*row) for row in await connection.execute(query.order_by(col(Execution.id)))]

    async def _members(self) -> list[Member]:
        young = col(Executor.beaten_at) > _NOW - timedelta(seconds=self._lease)
        async with self._database.read() as connection:
            return [Member(*row) for row in await connection.execute(sa.select(col(Executor.id), young))]

    async def _take(self, former: str | None, execution_ids: Sequence[str]) -> Sequence[str]:
        """Those of the executions that are now this process's. Whoever comes second takes nothing.

        The row of a dead process is locked first: if it is not dead at all, either its beat is seen here, or it
        comes after the takeover, and so does its next look at whom the execution belongs to.
        """
        of_former = (
            col(Execution.executor_id).is_(None) if former is None else col(Execution.executor_id) == former
        )
        # A process that was stopped in the middle of a transaction holds its rows until the database ends it.
        free = (
            sa.select(col(Execution.id))
            .where(col(Execution.id).in_(execution_ids), of_former)
            .with_for_update(key_share=True, skip_locked=True)
        )
        taking = (
            sa.update(Execution)
            .where(col(Execution.id).in_(free))
            .values(executor_id=self.executor_id)
            .returning(col(Execution.id))
        )
        async with self._database.write() as session:
            if former is not None and await self._lives(session, former):
                return ()
            return (await session.execute(taking)).scalars().all()

    async def _lives(self, session: AsyncSession, executor_id: str) -> bool:
        young = col(Executor.beaten_at) > _NOW - timedelta(seconds=self._lease)
        row = await session.execute(sa.select(young).where(col(Executor.id) == executor_id).with_for_update())
        return bool(row.scalar_one_or_none())

    def _superseded(self, execution_id: str) -> Superseded:
        logger.warning("execution %s is carried by another process now", execution_id)
        return Superseded(execution_id)
