"""Faults a test can inject, each with an id and a count of how often it fired.

Imports core.operations only.
"""

import itertools
import re
import threading
from dataclasses import dataclass, field
from enum import StrEnum

from sandbox.core.operations import Operation


class FaultMode(StrEnum):
    """What happens to a matching request."""

    STATUS = "status"
    """Answers `status` (and Retry-After if given); the world does not see the request."""
    EXPIRED = "expired"
    """401 as for an expired credential; the world does not see the request."""
    HANG = "hang"
    """No answer for `seconds`, then the connection is cut; the world does not see the request."""
    DROP = "drop"
    """The connection is reset; the world does not see the request."""
    SHUT = "shut"
    """The connection is reset, and none is taken for `seconds`; the world does not see the request."""
    STALE = "stale"
    """A read is answered with what the same request was answered the last time that this fault fired on it."""
    SLOW = "slow"
    """The world sees the request after `seconds`."""
    RESET = "reset"
    """The effect happens; the connection is reset in the middle of the body."""
    GARBAGE = "garbage"
    """The effect happens; the answer's body is not JSON."""
    LOST = "lost"
    """The effect happens; the connection is reset before the first byte of the answer."""
    MUTE = "mute"
    """The effect happens; no answer for `seconds`, then the connection is cut."""
    SHORT = "short"
    """The effect happens; the body ends, in good order, before its announced length."""
    TRUNCATED = "truncated"
    """The effect happens; the body is the first half of what it was, and announced so."""
    EMPTY = "empty"
    """The effect happens; the answer has no body."""
    HALF_DONE = "half_done"
    """The effect happens in part where that is possible (a collection), else in full; then 500."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule. The patterns are regular expressions: `path` is searched in path?query, `operation` in the
    platform's own word for what is asked, `method` matches whole. `writes` chooses what can, or cannot, change
    the world."""

    mode: FaultMode
    method: str = ".*"
    path: str = ""
    operation: str = ""
    writes: bool | None = None
    status: int = 503
    retry_after: int | None = None
    seconds: float = 1.0
    skip: int = 0
    """Lets this many matching requests pass first."""
    times: int | None = 1
    """Fires this often; None is for ever."""
    each: bool = False
    """Whether `skip` and `times` count for each operation by itself."""
    user_agent: str = ""


@dataclass(slots=True)
class InjectedFault:
    """A fault in force, and what it did."""

    id: str
    fault: Fault
    matched: int = 0
    fired: int = 0
    removed: bool = False
    seen: list[str] = field(default_factory=list[str])
    """What each request that matched asked for."""
    operations: list[str] = field(default_factory=list[str])
    """What each request it fired on asked for."""


class FaultBook:
    """The faults of one world; the first one that matches fires. Safe to use from any thread."""

    def __init__(self) -> None:
        self._faults: dict[str, InjectedFault] = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> InjectedFault:
        """Puts a fault in force. Raises re.error for a bad pattern."""
        for pattern in (fault.method, fault.path, fault.operation, fault.user_agent):
            re.compile(pattern)
        with self._lock:
            injected = InjectedFault(id=f"fault-{next(self._ids)}", fault=fault)
            self._faults[injected.id] = injected
        return injected

    def get(self, fault_id: str) -> InjectedFault:
        """Raises KeyError for an unknown id. Removed faults stay readable."""
        return self._faults[fault_id]

    def fired(self, fault_id: str) -> int:
        """How often the fault fired."""
        return self._faults[fault_id].fired

    def all(self) -> list[InjectedFault]:
        """Every fault ever added, oldest first."""
        return list(self._faults.values())

    def remove(self, fault_id: str) -> None:
        """Takes a fault out of force; its counts stay."""
        self._faults[fault_id].removed = True

    def clear(self) -> None:
        """Takes every fault out of force; their counts stay."""
        for injected in self.all():
            injected.removed = True

    def match(self, method: str, target: str, user_agent: str, operation: Operation) -> InjectedFault | None:
        """The fault that fires on this request, counted; None when there is none."""
        if not self._faults:
            return None
        with self._lock:
            for injected in self._faults.values():
                if (
                    _concerns(injected, method, target, user_agent)
                    and _is_meant(injected.fault, operation)
                    and _fires(injected, operation)
                ):
                    return injected
        return None


def _concerns(injected: InjectedFault, method: str, target: str, user_agent: str) -> bool:
    fault = injected.fault
    return (
        not injected.removed
        and re.fullmatch(fault.method, method) is not None
        and re.search(fault.path, target) is not None
        and re.search(fault.user_agent, user_agent) is not None
    )


def _is_meant(fault: Fault, operation: Operation) -> bool:
    return fault.writes in (None, operation.writes) and re.search(fault.operation, operation.name) is not None


def _fires(injected: InjectedFault, operation: Operation) -> bool:
    fault = injected.fault
    injected.matched += 1
    injected.seen.append(operation.name)
    matched, fired = injected.matched, injected.fired
    if fault.each:
        matched, fired = (names.count(operation.name) for names in (injected.seen, injected.operations))
    if matched <= fault.skip or (fault.times is not None and fired >= fault.times):
        return False
    injected.fired += 1
    injected.operations.append(operation.name)
    return True
