"""A world that can do something at the very n-th request of Unship, on its own thread, before it goes on.

Nothing sleeps and nothing polls: the trap springs while the request is being served, so that a kill lands either
before its effect (the world never sees the request) or after it (the answer never leaves).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sandbox.core.faults import Fault, FaultBook, FaultMode, InjectedFault
from sandbox.core.operations import Operation
from sandbox.core.requests import RequestLog, RequestRecord
from sandbox.kubernetes import KubernetesWorld

AGENT = "unship"


class Moment(StrEnum):
    """Where in the life of the request the trap springs."""

    BEFORE = "before the effect"
    AFTER = "after the effect"


@dataclass
class Trap:
    """Springs once, at the n-th request (from 1) since it was set whose operation matches `pattern`."""

    number: int
    moment: Moment
    action: Callable[[], None]
    pattern: str = ""
    seen: int = 0
    sprung: threading.Event = field(default_factory=threading.Event)
    at: str = ""

    def offer(self, request: str) -> bool:
        """Count the request; True, once, where it is the one."""
        if self.sprung.is_set() or not re.search(self.pattern, request):
            return False
        self.seen += 1
        if self.seen != self.number:
            return False
        self.at = request
        self.sprung.set()
        self.action()
        return True


class _Faults(FaultBook):
    trap: Trap | None = None

    def match(self, method: str, target: str, user_agent: str, operation: Operation) -> InjectedFault | None:
        trap = self.trap
        if trap is None or trap.moment is not Moment.BEFORE or not user_agent.startswith(AGENT):
            return super().match(method, target, user_agent, operation)
        if trap.offer(operation.name):
            return InjectedFault("trap", Fault(FaultMode.DROP))
        return super().match(method, target, user_agent, operation)


class _Log(RequestLog):
    trap: Trap | None = None

    def append(self, **fields: Any) -> RequestRecord:
        record = super().append(**fields)
        trap = self.trap
        if trap is not None and trap.moment is Moment.AFTER and record.user_agent.startswith(AGENT):
            trap.offer(record.operation)
        return record


class TrappedWorld(KubernetesWorld):
    """A cluster in which one trap at a time can be set."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._faults, self._log = _Faults(), _Log()
        self.faults, self.requests = self._faults, self._log

    def set(self, trap: Trap | None) -> None:
        """Set this trap and none other."""
        self._faults.trap = self._log.trap = trap


@contextmanager
def trapped_world(tick: float = 0.02) -> Generator[TrappedWorld]:
    with TrappedWorld(tick=tick).serve("127.0.0.1", 0) as world:
        yield world
