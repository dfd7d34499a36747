"""The records of one workflow: each transaction and step, exactly once, in the application database itself.

A record commits together with the events and statuses it stands for, so a workflow that repeats after a crash can
neither lose nor double them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.database import Database
from db.outages import outlast
from db.tables import Checkpoint, Execution

T = TypeVar("T")

_FORGET_AT_ONCE = 100


class DifferentRepetition(Exception):
    """A workflow repeats something else than what its records say; going on would do things twice or never."""


@dataclass
class Checkpoints:
    """What the workflow `workflow_id` of an execution has done so far, and the place for what it does next.

    A workflow does one thing after the other; what runs beside it is another workflow.
    """

    database: Database
    execution_id: str
    workflow_id: str
    recorded: dict[int, tuple[str, Any]] = field(default_factory=dict[int, tuple[str, Any]])
    position: int = 0

    @classmethod
    async def open(cls, database: Database, execution_id: str, workflow_id: str) -> Checkpoints:
        """The records so far; none for a workflow that begins."""
        rows = sa.select(col(Checkpoint.position), col(Checkpoint.name), col(Checkpoint.result)).where(
            col(Checkpoint.workflow_id) == workflow_id
        )
        async with database.read() as connection:
            recorded = {row.position: (row.name, row.result) for row in await connection.execute(rows)}
        return cls(database, execution_id, workflow_id, recorded)

    async def transaction(self, name: str, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Run `work` and record its result (plain JSON) in one transaction; an outage is outlasted."""
        self.position += 1
        if self.position in self.recorded:
            return self._result(name)
        return await self._commit(name, work)

    async def step(
        self,
        name: str,
        act: Callable[[], Awaitable[T]],
        record: Callable[[AsyncSession, T], Awaitable[Any]],
    ) -> Any:
        """Run `act`, then `record` what it gave in one transaction with the record's own result (plain JSON).

        A crash between the two repeats `act`, so it must be safe to repeat.
        """
        self.position += 1
        if self.position in self.recorded:
            return self._result(name)
        done = await outlast(lambda _again: act())
        return await self._commit(name, lambda session: record(session, done))

    def _result(self, name: str) -> Any:
        recorded, result = self.recorded[self.position]
        if recorded != name:
            raise DifferentRepetition(
                f'Workflow {self.workflow_id} does "{name}" where its record {self.position} is "{recorded}".'
            )
        return result

    async def _commit(self, name: str, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        async def attempt(again: bool) -> T:
            async with self.database.write() as session:
                if again and (committed := await session.get(Checkpoint, (self.workflow_id, self.position))):
                    return committed.result
                result = await work(session)
                session.add(
                    Checkpoint(
                        workflow_id=self.workflow_id,
                        position=self.position,
                        execution_id=self.execution_id,
                        name=name,
                        result=result,
                    )
                )
            return result

        return await outlast(attempt)


async def forget(database: Database, *, finished_before: datetime) -> None:
    """Delete the records of executions that ended before then, a hundred executions at a time."""
    ended = (
        sa.select(col(Execution.id))
        .where(
            col(Execution.finished_at) < finished_before,
            sa.exists().where(col(Checkpoint.execution_id) == col(Execution.id)),
        )
        .limit(_FORGET_AT_ONCE)
    )
    async with database.write() as session:
        await session.execute(sa.delete(Checkpoint).where(col(Checkpoint.execution_id).in_(ended)))
