"""What the running application consists of, handed to every floor above: database, platforms, rules, bell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from db.database import Database
from db.turns import Queues
from pipelines.bell import Bell
from pipelines.fencing import Alone, Fence
from pipelines.sharing import Shared
from providers.registry import Registry

# So many who want the same rollback are served at a time. Where a platform hangs, each of them takes 5 seconds.
_ABREAST = 16


@dataclass(frozen=True)
class Rules:
    """The operator's decisions. Ages in days, intervals in seconds.

    `authorize`: who asks has the rights that he was given, and no more. `retention_days`: 0 keeps everything.
    """

    post_prod_rollback: bool = False
    rollback_max_age_days: float = 30
    instance_sync_seconds: float = 600
    allow_scripts: bool = False
    lease_seconds: float = 20
    authorize: bool = False
    retention_days: float = 365


@dataclass(frozen=True)
class Runtime:
    """`enqueue` hands an execution, committed before, to the engine; calling it twice is harmless.

    `leaving` is set when the process is about to end: nothing new is taken up then. `complaint` says what is
    wrong with the engine, None where nothing is. `clicks` are those who want the same rollback.
    """

    database: Database
    registry: Registry
    rules: Rules
    enqueue: Callable[[str], Awaitable[None]]
    bell: Bell = field(default_factory=Bell)
    fence: Fence = field(default_factory=Alone)
    shared: Shared = field(default_factory=Shared)
    clicks: Queues = field(default_factory=lambda: Queues(_ABREAST))
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    complaint: Callable[[], str | None] = lambda: None
