"""What the edge holds while it runs. Imports pipelines and resolvers values."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pipelines.runtime import Runtime
from resolvers.auditing import Auditor


@dataclass
class Running:
    """`runtime` and `auditor` are None before the engine has started.

    `draining` is set when the shutdown begins.
    """

    runtime: Runtime | None = None
    auditor: Auditor | None = None
    draining: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def started(self) -> Runtime:
        """The runtime for what can only happen after the start."""
        assert self.runtime is not None, "requests come after the start"
        return self.runtime
