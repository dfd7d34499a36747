"""Runs the controllers: a change queues keys, a tick reconciles them until nothing is left to do.

Imports cluster, deletes and core.
"""

import asyncio
import heapq
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.core.store import Change, Key
from sandbox.core.wire import Object, sublist
from sandbox.kubernetes.cluster import Cluster
from sandbox.kubernetes.deletes import Deleter
from sandbox.kubernetes.kinds import by_type

logger = logging.getLogger(__name__)

ROUNDS = 100
BREATH_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Pace:
    """How many ticks things take."""

    ready: int = 3
    """From a pod's creation until its containers are ready."""
    terminate: int = 1
    """From a pod's deletion until it is gone."""
    complete: int = 1
    """From a job pod's start until it has ended."""


@dataclass(slots=True)
class Context:
    """What controllers share."""

    cluster: Cluster
    deleter: Deleter
    pace: Pace
    now: int = 0
    """The current tick."""
    ready_at: dict[str, int] = field(default_factory=dict[str, int])
    """The tick at which a pod became ready, by uid."""


class Controller(ABC):
    """Moves one kind of object from what is to what was asked."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.cluster = context.cluster
        self.queue: dict[Key, None] = {}
        self.timers: list[tuple[int, Key]] = []

    @abstractmethod
    def concerned(self, change: Change) -> Iterable[Key]:
        """The keys to reconcile after a change."""

    @abstractmethod
    def reconcile(self, key: Key) -> None:
        """Takes the next step for one object; it may be gone."""

    def after(self, ticks: int, key: Key) -> None:
        """Reconciles the key again in so many ticks."""
        heapq.heappush(self.timers, (self.context.now + max(ticks, 1), key))

    def release(self) -> None:
        """Queues what is due."""
        while self.timers and self.timers[0][0] <= self.context.now:
            self.queue[heapq.heappop(self.timers)[1]] = None


class Manager:
    """All controllers of one cluster."""

    def __init__(self, context: Context, controllers: Iterable[Controller]) -> None:
        self._context = context
        self._controllers = tuple(controllers)
        context.cluster.store.on_change(self._changed)

    async def tick(self, now: int) -> None:
        """Lives through one tick; requests are answered in between when there is much to do."""
        self._context.now = now
        for controller in self._controllers:
            controller.release()
        for _ in range(ROUNDS):
            if not await self._round():
                return

    async def _round(self) -> bool:
        worked = False
        rested = time.monotonic()
        for controller in self._controllers:
            keys, controller.queue = controller.queue, {}
            for key in keys:
                worked = True
                self._reconcile(controller, key)
                if time.monotonic() - rested > BREATH_SECONDS:
                    await asyncio.sleep(0)
                    rested = time.monotonic()
        return worked

    def _reconcile(self, controller: Controller, key: Key) -> None:
        try:
            controller.reconcile(key)
        except Exception:
            # one object that can not be moved must not stop the others
            logger.exception("%s could not reconcile %s", type(controller).__name__, key)

    def _changed(self, change: Change) -> None:
        for controller in self._controllers:
            for key in controller.concerned(change):
                controller.queue[key] = None


def owner_keys(change: Change, kind_id: str) -> set[Key]:
    """Keys of the controlling owners of one kind, before and after a change."""
    return {
        Key(kind_id, change.key.scope, owner["name"])
        for value in (change.value, change.previous)
        if value is not None
        for owner in sublist(value, "metadata", "ownerReferences")
        if owner.get("controller") and is_kind(owner, kind_id)
    }


def is_kind(owner: Object, kind_id: str) -> bool:
    """Whether an owner reference names an object of this kind."""
    kind = by_type(owner.get("apiVersion", ""), owner.get("kind", ""))
    return kind is not None and kind.id == kind_id
