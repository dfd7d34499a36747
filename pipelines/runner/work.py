"""What every part of the runner needs to know of the execution it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.statuses import ExecutionKind
from db.tables import Execution
from pipelines.durable import Durable
from pipelines.plan import Plan
from pipelines.runtime import Runtime

T = TypeVar("T")


@dataclass(frozen=True)
class Work:
    """One execution being run. The plan is frozen, so reading it again after a crash gives the same."""

    runtime: Runtime
    durable: Durable
    execution_id: str
    triggered_by: str
    plan: Plan

    @classmethod
    async def load(cls, runtime: Runtime, durable: Durable, execution_id: str) -> Work:
        async with runtime.database.read() as connection:
            row = (
                await connection.execute(
                    sa.select(col(Execution.plan), col(Execution.triggered_by)).where(
                        col(Execution.id) == execution_id
                    )
                )
            ).one()
        return cls(runtime, durable, execution_id, row.triggered_by, Plan.model_validate(row.plan))

    @property
    def is_rollback(self) -> bool:
        return self.plan.kind is ExecutionKind.ROLLBACK

    async def transaction(self, name: str, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """A durable transaction, after which everybody who follows the execution is woken."""
        result = await self.durable.transaction(name, work)
        self.runtime.bell.ring(self.execution_id)
        return result

    async def step(
        self,
        name: str,
        act: Callable[[], Awaitable[T]],
        record: Callable[[AsyncSession, T], Awaitable[Any]],
    ) -> Any:
        """A durable step, after which everybody who follows the execution is woken."""
        result = await self.durable.step(name, act, record)
        self.runtime.bell.ring(self.execution_id)
        return result


async def abort_requested(session: AsyncSession, execution_id: str) -> bool:
    """Whether somebody asked to stop; read between steps, inside the transaction that would start the next."""
    return (
        await session.execute(sa.select(col(Execution.abort_requested)).where(col(Execution.id) == execution_id))
    ).scalar_one()
