"""Whether this process still carries an execution; several processes of one PostgreSQL database may take it over.

An embedded database serves one process, which carries everything: there nothing is asked and nothing costs.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession


class Superseded(asyncio.CancelledError):
    """Another process has taken the execution over: this one lets go of it where it is, and records nothing.

    A cancellation and no error, so that nobody on the way takes it for a failure of the step.
    """


class Fence(Protocol):
    """Asked before each effect and in each transaction of an execution."""

    @property
    def executor_id(self) -> str | None:
        """Who carries what this process accepts; None where there is no other to tell it from."""
        ...

    async def hold(self, session: AsyncSession, execution_id: str) -> None:
        """Keep the execution until the transaction ends. Raises Superseded."""
        ...

    async def check(self, execution_id: str) -> None:
        """Return while nobody takes the execution over for long enough to begin an effect. Raises Superseded."""
        ...


class Alone:
    """The fence of the one process of an embedded database."""

    executor_id: str | None = None

    async def hold(self, session: AsyncSession, execution_id: str) -> None:
        del session, execution_id

    async def check(self, execution_id: str) -> None:
        del execution_id
