"""Objects with one revision counter, a bounded history and one queue per watcher. Imports core.wire only.

Writes happen on the world's event loop alone. Stored values are never changed in place, so that
any thread may read.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sandbox.core.wire import Object

HISTORY = 20_000
QUEUE_LIMIT = 50_000


class Key(NamedTuple):
    """Where an object lives; `scope` is a namespace, a cluster, a space ... or empty."""

    kind: str
    scope: str
    name: str


class ChangeType(StrEnum):
    """What happened to an object."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Change:
    """One write; `value` of a deletion is the last state, stamped with the deletion's revision."""

    revision: int
    type: ChangeType
    key: Key
    value: Object
    previous: Object | None


class HistoryGone(Exception):
    """The asked revision is older than the history that is kept."""


class Subscription:
    """The changes of one kind, one queue for one reader."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.queue: asyncio.Queue[Change | None] = asyncio.Queue(QUEUE_LIMIT)

    def offer(self, change: Change | None) -> None:
        """Queues a change; a reader that fell too far behind is ended (None) and must list again."""
        if self.queue.full():
            while not self.queue.empty():
                self.queue.get_nowait()
            change = None
        self.queue.put_nowait(change)


class Store:
    """Keyed objects; `stamp` writes the revision into a value, in place, just before it is stored."""

    def __init__(self, stamp: Callable[[Object, int], None]) -> None:
        self.revision = 1
        self._stamp = stamp
        self._kinds: dict[str, dict[str, dict[str, Object]]] = {}
        self._history: deque[Change] = deque()
        self._floor = 0
        self._subscriptions: set[Subscription] = set()
        self._listeners: list[Callable[[Change], None]] = []
        self._closed = False

    def get(self, key: Key) -> Object | None:
        """The object, not to be changed."""
        return self._kinds.get(key.kind, {}).get(key.scope, {}).get(key.name)

    def values(self, kind: str, scope: str | None = None) -> list[Object]:
        """Objects by scope and name; every scope when `scope` is None."""
        return [value for _, value in self.items(kind, scope)]

    def items(self, kind: str, scope: str | None = None) -> list[tuple[Key, Object]]:
        """As `values`, with the keys."""
        scopes = self._kinds.get(kind, {})
        chosen = sorted(scopes.items()) if scope is None else [(scope, scopes.get(scope, {}))]
        return [
            (Key(kind, name_of_scope, name), value)
            for name_of_scope, objects in chosen
            for name, value in sorted(objects.items(), key=_by_name)
        ]

    def kinds(self) -> list[str]:
        """Kinds that hold or held objects."""
        return list(self._kinds)

    def put(self, key: Key, value: Object) -> Object:
        """Stores a value the caller gives away, stamped with the next revision."""
        self.revision += 1
        self._stamp(value, self.revision)
        objects = self._kinds.setdefault(key.kind, {}).setdefault(key.scope, {})
        previous = objects.get(key.name)
        objects[key.name] = value
        kind = ChangeType.ADDED if previous is None else ChangeType.MODIFIED
        self._publish(Change(self.revision, kind, key, value, previous))
        return value

    def delete(self, key: Key) -> Object:
        """Removes an object. Raises KeyError when it is not there."""
        previous = self._kinds[key.kind][key.scope].pop(key.name)
        self.revision += 1
        last = {**previous}
        if "metadata" in last:
            last["metadata"] = {**last["metadata"]}
        self._stamp(last, self.revision)
        self._publish(Change(self.revision, ChangeType.DELETED, key, last, previous))
        return last

    def on_change(self, listener: Callable[[Change], None]) -> None:
        """Calls `listener` synchronously after every write."""
        self._listeners.append(listener)

    def subscribe(self, kind: str, after: int) -> Subscription:
        """The changes of `kind` after revision `after`, past ones first. Raises HistoryGone."""
        if self.forgot(after):
            raise HistoryGone(f"too old resource version: {after} ({self._floor})")
        subscription = Subscription(kind)
        for change in self._since(after):
            if change.key.kind == kind:
                subscription.offer(change)
        if self._closed:
            subscription.offer(None)
        self._subscriptions.add(subscription)
        return subscription

    def forgot(self, revision: int) -> bool:
        """Whether changes after `revision` are no longer all known."""
        return revision < self._floor

    def unsubscribe(self, subscription: Subscription) -> None:
        """Ends a subscription."""
        self._subscriptions.discard(subscription)

    @property
    def watchers(self) -> int:
        """How many readers are subscribed."""
        return len(self._subscriptions)

    def close(self) -> None:
        """Ends every reader; on the world's loop."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.offer(None)

    def forget_history(self) -> None:
        """Makes every older revision too old to watch from, as a compaction does."""
        self._history.clear()
        self._floor = self.revision

    def _since(self, after: int) -> Iterator[Change]:
        newer: list[Change] = []
        for change in reversed(self._history):
            if change.revision <= after:
                break
            newer.append(change)
        return reversed(newer)

    def _publish(self, change: Change) -> None:
        self._history.append(change)
        if len(self._history) > HISTORY:
            self._floor = self._history.popleft().revision
        for subscription in self._subscriptions:
            if subscription.kind == change.key.kind:
                subscription.offer(change)
        for listener in self._listeners:
            listener(change)


def _by_name(item: tuple[str, Object]) -> str:
    return item[0]
