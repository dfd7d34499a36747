"""What every part of the runner needs to know of the execution it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlmodel import col

from db.columns import now
from db.outages import outlast
from db.statuses import ACTIVE_EXECUTIONS, ExecutionKind
from db.tables import Execution
from pipelines.checkpoints import Checkpoints
from pipelines.plan import Plan
from pipelines.runtime import Runtime

T = TypeVar("T")

# Many executions may wait for days: at 5 seconds a thousand of them took a seventh of a core to find nothing.
_LOOK_SECONDS = 20.0
_ABORT_REQUESTED = sa.select(col(Execution.abort_requested)).where(col(Execution.id) == sa.bindparam("execution"))


@dataclass(frozen=True)
class Work:
    """One execution being run. The plan is frozen, so reading it again after a crash gives the same."""

    runtime: Runtime
    checkpoints: Checkpoints
    execution_id: str
    triggered_by: str
    accepted_at: datetime
    plan: Plan

    @classmethod
    async def load(cls, runtime: Runtime, execution_id: str) -> Work | None:
        """None where nothing is left to do."""
        checkpoints = await Checkpoints.open(runtime.database, execution_id, runtime.fence)
        async with runtime.database.read() as connection:
            row = (
                await connection.execute(
                    sa.select(col(Execution.plan), col(Execution.triggered_by), col(Execution.created_at)).where(
                        col(Execution.id) == execution_id, col(Execution.status).in_(ACTIVE_EXECUTIONS)
                    )
                )
            ).first()
        if row is None:
            return None
        plan = Plan.model_validate(row.plan)
        return cls(runtime, checkpoints, execution_id, row.triggered_by, row.created_at, plan)

    @property
    def is_rollback(self) -> bool:
        return self.plan.kind is ExecutionKind.ROLLBACK

    async def transaction(self, name: str, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """A recorded transaction, after which everybody who follows the execution is woken."""
        result = await self.checkpoints.transaction(name, work)
        self.runtime.bell.ring(self.execution_id)
        return result

    async def step(
        self,
        name: str,
        act: Callable[[], Awaitable[T]],
        record: Callable[[AsyncSession, T], Awaitable[Any]],
    ) -> Any:
        """A recorded step, after which everybody who follows the execution is woken."""
        result = await self.checkpoints.step(name, act, record)
        self.runtime.bell.ring(self.execution_id)
        return result

    def branch(self, name: str) -> Work:
        """The same execution, for something that runs beside the rest of it; `name` is unique within it."""
        return replace(self, checkpoints=self.checkpoints.branch(name))

    async def beside(self, branches: Mapping[str, Callable[[Work], Awaitable[T]]]) -> list[T]:
        """Run branches, by their names, at the same time. All have ended when this returns or raises."""
        runs = (run(self.branch(name)) for name, run in branches.items())
        ends = await asyncio.gather(*runs, return_exceptions=True)
        done: list[T] = []
        for end in ends:
            if isinstance(end, BaseException):
                raise end
            done.append(end)
        return done

    async def sleep_until(self, moment: datetime, longest: float | None = None) -> None:
        """Sleep until then, or until an abort is asked for: the bell wakes it, a look now and then is the net.

        At most the `longest` seconds that were to be slept, whatever becomes of the clock meanwhile.
        """
        left = (moment - now()).total_seconds()
        end = time.monotonic() + (left if longest is None else min(left, longest))
        with self.runtime.bell.listen(self.execution_id) as rung:
            while (left := end - time.monotonic()) > 0:
                rung.clear()
                if await outlast(lambda _again: self._abort_requested()):
                    return
                with suppress(TimeoutError):
                    await asyncio.wait_for(rung.wait(), min(left, _LOOK_SECONDS))

    async def _abort_requested(self) -> bool:
        async with self.runtime.database.read() as connection:
            return await abort_requested(connection, self.execution_id)


async def abort_requested(reader: AsyncSession | AsyncConnection, execution_id: str) -> bool:
    """Whether somebody asked to stop; read between steps, inside the transaction that would start the next."""
    return (await reader.execute(_ABORT_REQUESTED, {"execution": execution_id})).scalar_one()
