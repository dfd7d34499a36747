"""Which executions this process carries: all of an embedded database, or its own ones among peers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Protocol

from db.database import Database
from pipelines.bell import Bell
from pipelines.fencing import Alone, Fence
from pipelines.peers.duties import Duties
from pipelines.peers.peer import Peer
from pipelines.reconciling import settled_executions

_REST_SECONDS = 10.0


class Carrier(Fence, Protocol):
    """What the engine asks: whose executions are this process's, now and after others have ended."""

    @property
    def leads(self) -> bool:
        """Whether it does what one process is enough for."""
        ...

    def working(self, bell: Bell) -> AbstractAsyncContextManager[None]:
        """Known to the others within the block; its executions are theirs at once when it ends."""
        ...

    async def look(self, running: Collection[str], settled_before: datetime) -> Duties:
        """What to carry and what to let go; `running` are the executions with a task here."""
        ...

    async def rest(self) -> None:
        """Until the next look."""
        ...

    async def forget(self) -> None:
        """Clear away what long ended processes have left."""
        ...


class Sole(Alone):
    """The carrier of an embedded database."""

    leads = True

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def working(self, bell: Bell) -> AsyncGenerator[None]:
        del bell
        yield

    async def look(self, running: Collection[str], settled_before: datetime) -> Duties:
        del running
        return Duties(tuple(await settled_executions(self._database, settled_before)))

    async def rest(self) -> None:
        await asyncio.sleep(_REST_SECONDS)

    async def forget(self) -> None:
        pass


def carrier_of(database: Database, lease: float) -> Carrier:
    """The carrier for that kind of database; `lease` in seconds."""
    return Sole(database) if database.is_sqlite else Peer(database, lease)
