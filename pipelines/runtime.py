"""What the running application consists of, handed to every floor above: database, platforms, rules, bell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from db.database import Database
from pipelines.bell import Bell
from pipelines.sharing import Shared
from providers.registry import Registry


@dataclass(frozen=True)
class Rules:
    """The operator's decisions. Ages in days, intervals in seconds.

    `authorize`: who asks has the rights that he was given, and no more.
    """

    post_prod_rollback: bool = False
    rollback_max_age_days: float = 30
    instance_sync_seconds: float = 600
    allow_scripts: bool = False
    authorize: bool = False


@dataclass(frozen=True)
class Runtime:
    """`enqueue` hands an execution, committed before, to the engine; calling it twice is harmless."""

    database: Database
    registry: Registry
    rules: Rules
    enqueue: Callable[[str], Awaitable[None]]
    bell: Bell = field(default_factory=Bell)
    shared: Shared = field(default_factory=Shared)
