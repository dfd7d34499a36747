"""What the edge holds while it runs. Imports pipelines.runtime."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pipelines.runtime import Runtime


@dataclass
class Running:
    """`runtime` is None before the engine has started; `draining` is set when the shutdown begins."""

    runtime: Runtime | None = None
    draining: asyncio.Event = field(default_factory=asyncio.Event)
