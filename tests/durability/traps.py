"""Worlds that can do something at the very n-th request of Unship, on their own thread, before they go on.

Nothing sleeps and nothing polls: the trap springs while the request is being served, so that a kill lands exactly
where it is meant to.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sandbox.aws import AwsWorld
from sandbox.cloudfoundry import CloudFoundryWorld
from sandbox.core.faults import Fault, FaultBook, FaultMode, InjectedFault
from sandbox.core.operations import Operation
from sandbox.core.requests import RequestLog, RequestRecord
from sandbox.core.world import World
from sandbox.kubernetes import KubernetesWorld

AGENT = "^unship"


class Moment(StrEnum):
    """Where in the life of the request the trap springs."""

    BEFORE = "before the effect"
    """The world never sees the request."""
    HELD = "on its way"
    """The effect comes right after it."""
    AFTER = "after the effect"
    """The answer never arrives."""
    ANSWERED = "after the answer"
    """The answer is in the other's socket."""


@dataclass
class Trap:
    """Springs once, at the n-th request (from 1) since it was set whose operation matches `pattern`.

    `writes` chooses requests that can change something, or cannot; `agent` whose requests they are.
    """

    number: int
    moment: Moment
    action: Callable[[], None]
    pattern: str = ""
    writes: bool | None = None
    agent: str = AGENT
    seen: int = 0
    sprung: threading.Event = field(default_factory=threading.Event)
    at: str = ""

    def counts(self, user_agent: str, operation: str, writes: bool) -> bool:
        """Count the request; True, once, where it is the one."""
        if (
            self.sprung.is_set()
            or not re.search(self.agent, user_agent)
            or self.writes not in (None, writes)
            or not re.search(self.pattern, operation)
        ):
            return False
        self.seen += 1
        if self.seen != self.number:
            return False
        self.at = operation
        return True

    def spring(self) -> None:
        self.sprung.set()
        self.action()


class TrappedWorld(World):
    """A world in which one trap at a time can be set."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.trap: Trap | None = None
        faults = _Faults(self)
        self.faults, self.requests = faults, _Log(self, faults)

    @property
    def effects(self) -> list[RequestRecord]:
        """The requests that changed something, whoever sent them."""
        return [record for record in self.requests if record.changed]

    def set(self, trap: Trap | None) -> None:
        """Set this trap and none other."""
        self.trap = trap


class _Faults(FaultBook):
    """Sees each request as it comes in."""

    def __init__(self, world: TrappedWorld) -> None:
        super().__init__()
        self._world = world
        self.trap: Trap | None = None
        """The one that was set when the request came in: another one is not meant for it."""

    def match(self, method: str, target: str, user_agent: str, operation: Operation) -> InjectedFault | None:
        trap = self.trap = self._world.trap
        at_once = trap is not None and trap.moment in (Moment.BEFORE, Moment.HELD)
        if trap is not None and at_once and trap.counts(user_agent, operation.name, operation.writes):
            trap.spring()
            if trap.moment is Moment.BEFORE:
                return InjectedFault("trap", Fault(FaultMode.DROP))
        return super().match(method, target, user_agent, operation)


class _Log(RequestLog):
    """Sees each request as its answer begins."""

    def __init__(self, world: TrappedWorld, faults: _Faults) -> None:
        super().__init__()
        self._world = world
        self._faults = faults

    def append(self, **fields: Any) -> RequestRecord:
        record = super().append(**fields)
        trap = self._world.trap
        if trap is not self._faults.trap or trap is None or trap.moment not in (Moment.AFTER, Moment.ANSWERED):
            return record
        if trap.counts(record.user_agent, record.operation, record.writes):
            if trap.moment is Moment.AFTER:
                trap.spring()
            else:
                # The answer is written in the same step of the loop.
                asyncio.get_running_loop().call_soon(trap.spring)
        return record


class TrappedCluster(TrappedWorld, KubernetesWorld):
    """A cluster with traps."""


class TrappedRegion(TrappedWorld, AwsWorld):
    """A region with traps."""


class TrappedFoundation(TrappedWorld, CloudFoundryWorld):
    """A foundation with traps."""


@contextmanager
def trapped_world(tick: float = 0.02) -> Generator[TrappedCluster]:
    """A cluster with traps that serves."""
    with TrappedCluster(tick=tick).serve("127.0.0.1", 0) as world:
        yield world


@contextmanager
def held(world: TrappedWorld) -> Generator[None]:
    """The world answers nobody within the block, from the first request of Unship on."""
    released = threading.Event()

    def hold() -> None:
        assert released.wait(60)

    world.set(Trap(1, Moment.AFTER, hold))
    try:
        yield
    finally:
        released.set()
        world.set(None)
