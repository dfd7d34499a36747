"""What an execution has done so far: each transaction and step once, recorded in the application database itself.

A record commits together with the events and statuses it stands for, so an execution that is taken up again after
a crash can neither lose nor double them: it runs from its start, and what is on record is answered from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import identifier_at
from db.database import Database
from db.outages import outlast
from db.queries.columns import table_of
from db.tables import Checkpoint, Execution
from pipelines.fencing import Alone, Fence

T = TypeVar("T")

# By branch and position: what was done, and its result.
Records = dict[tuple[str, int], tuple[str, Any]]

# What an execution does last.
END = "end"

_FORGET_AT_ONCE = 100
_RECORD = sa.insert(table_of(Checkpoint))


class DifferentRepetition(Exception):
    """An execution repeats something else than what its records say; going on would do things twice or never."""


@dataclass
class Checkpoints:
    """The records of one branch of an execution, and the place for what it does next.

    A branch does one thing after the other; what runs beside it is a branch of its own. Results are plain JSON.
    """

    database: Database
    execution_id: str
    fence: Fence = field(default_factory=Alone)
    recorded: Records = field(default_factory=dict[tuple[str, int], tuple[str, Any]])
    name: str = ""
    position: int = 0
    _noting: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    async def open(cls, database: Database, execution_id: str, fence: Fence | None = None) -> Checkpoints:
        """The records so far; none for an execution that begins."""
        rows = sa.select(
            col(Checkpoint.branch), col(Checkpoint.position), col(Checkpoint.name), col(Checkpoint.result)
        ).where(col(Checkpoint.execution_id) == execution_id)
        async with database.read() as connection:
            found = await connection.execute(rows)
            recorded = {(row.branch, row.position): (row.name, row.result) for row in found}
        return cls(database, execution_id, fence or Alone(), recorded)

    def branch(self, name: str) -> Checkpoints:
        """The records of what runs beside this; `name` is unique within the execution."""
        return Checkpoints(self.database, self.execution_id, self.fence, self.recorded, name)

    async def transaction(self, name: str, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Run `work` and record its result in one transaction, exactly once; an outage is outlasted.

        Raises Superseded, here and in `step`, where another process carries the execution now.
        """
        self.position += 1
        if (self.name, self.position) in self.recorded:
            return self._result(name)
        return await self._commit(name, work)

    @property
    def noted(self) -> bool:
        """Whether `note` was called on this branch, in this life of the execution or an earlier one."""
        return (self.name, 1) in self.recorded

    async def note(self, name: str) -> None:
        """Put on record that this branch is at something, once; a branch that is used for nothing else."""

        async def nothing(_: AsyncSession) -> None:
            return None

        async with self._noting:
            if not self.noted:
                self.position = 1
                self.recorded[self.name, 1] = (name, await self._commit(name, nothing))

    async def step(
        self,
        name: str,
        act: Callable[[], Awaitable[T]],
        record: Callable[[AsyncSession, T], Awaitable[Any]],
    ) -> Any:
        """Run `act`, then `record` what it gave in one transaction with the result of `record`, which is returned.

        A crash between the two, and an outage in the first, repeat `act`, so it must be safe to repeat.
        """
        self.position += 1
        if (self.name, self.position) in self.recorded:
            return self._result(name)
        done = await outlast(lambda _again: act())
        return await self._commit(name, lambda session: record(session, done))

    def _result(self, name: str) -> Any:
        recorded, result = self.recorded[self.name, self.position]
        if recorded != name:
            raise DifferentRepetition(
                f'Execution {self.execution_id} does "{name}" where its record {self.name}/{self.position} is '
                f'"{recorded}".'
            )
        return result

    async def _commit(self, name: str, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        async def attempt(again: bool) -> T:
            async with self.database.write() as session:
                await self.fence.hold(session, self.execution_id)
                key = (self.execution_id, self.name, self.position)
                if again and (committed := await session.get(Checkpoint, key)):
                    return committed.result
                result = await work(session)
                await session.execute(
                    _RECORD,
                    {
                        "execution_id": self.execution_id,
                        "branch": self.name,
                        "position": self.position,
                        "name": name,
                        "result": result,
                    },
                )
            return result

        return await outlast(attempt)


async def forget(database: Database, *, finished_before: datetime) -> None:
    """Delete the records of executions that ended before then, a hundred executions at a time.

    The identifiers bound what is looked at: there are few old records, and any number of old executions.
    """
    owner = col(Checkpoint.execution_id)
    ended = (
        sa.select(owner)
        .join(Execution, col(Execution.id) == owner)
        .where(owner < identifier_at(finished_before), col(Execution.finished_at) < finished_before)
        .distinct()
        .limit(_FORGET_AT_ONCE)
    )
    async with database.write() as session:
        await session.execute(sa.delete(Checkpoint).where(col(Checkpoint.execution_id).in_(ended)))
