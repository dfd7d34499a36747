"""What the edge holds while it runs. Imports pipelines and resolvers values."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pipelines.runtime import Runtime
from resolvers.auditing import Auditor


@dataclass
class Running:
    """`runtime`, `auditor` and `migration` are None before the engine has started.

    `leaving` is set when the end begins: not ready, and no new mutations. `draining` is set after it, when the
    port closes: streams end.
    """

    runtime: Runtime | None = None
    auditor: Auditor | None = None
    migration: str | None = None
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    draining: asyncio.Event = field(default_factory=asyncio.Event)

    def leave(self) -> None:
        """Take nothing new from now on."""
        self.leaving.set()
        if self.runtime is not None:
            self.runtime.leaving.set()

    @property
    def started(self) -> Runtime:
        """The runtime for what can only happen after the start."""
        assert self.runtime is not None, "requests come after the start"
        return self.runtime
