"""Troubles of platforms, and one story of each: a deployment and its rollback whose every call meets it.

The oracle is the world's own log: what it was made to change is what it is made to change without any trouble.
`python -m tests.providers.troubles` takes all of them to every platform, the contract some of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from providers.errors import (
    ProviderConflict,
    ProviderError,
    ProviderRefused,
    ProviderTimedOut,
    ProviderUnreachable,
)
from sandbox.core.faults import Fault, FaultMode, InjectedFault
from tests.providers.applied import in_words
from tests.providers.attempts import TestAttempt
from tests.providers.hurry import LONGER_SECONDS
from tests.providers.platform import Platform
from tests.providers.stories import NEW, Story

MOST_TRIES = 60
"""Of a step whose every call fails it once."""
SHORT_STEP_SECONDS = 12.0
"""A step's time where nothing else ends it."""
DoneT = TypeVar("DoneT")


@dataclass(frozen=True)
class Trouble:
    """What each operation meets, `fault.times` times, from its first request on.

    `fails` is how a step may end because of it: the same step is then taken again, with its token. `interrupts`:
    a program cannot even note that it failed, and what it has begun is taken back before it is done again.
    """

    fault: Fault
    fails: type[ProviderError] | None = None
    interrupts: bool = False


def _status(status: int, retry_after: int | None = None) -> Trouble:
    return Trouble(Fault(FaultMode.STATUS, status=status, retry_after=retry_after))


TROUBLES: dict[str, Trouble] = {
    "429, Retry-After": _status(429, retry_after=0),
    "500": _status(500),
    "502": _status(502),
    "503": _status(503),
    "503, Retry-After": _status(503, retry_after=0),
    "504": _status(504),
    "408": _status(408),
    "reset before the effect": Trouble(Fault(FaultMode.DROP)),
    # Everybody meets it at whichever call it begins, so that one call may meet it once too often.
    "no connections for a while": Trouble(
        Fault(FaultMode.SHUT, seconds=0.02), ProviderUnreachable, interrupts=True
    ),
    "no answer, no effect": Trouble(Fault(FaultMode.HANG, seconds=LONGER_SECONDS)),
    "no answer after the effect": Trouble(Fault(FaultMode.MUTE, seconds=LONGER_SECONDS)),
    "reset after the effect": Trouble(Fault(FaultMode.LOST)),
    "reset in the body": Trouble(Fault(FaultMode.RESET)),
    "body too short": Trouble(Fault(FaultMode.SHORT)),
    "half a body": Trouble(Fault(FaultMode.TRUNCATED)),
    "no body": Trouble(Fault(FaultMode.EMPTY)),
    "garbage": Trouble(Fault(FaultMode.GARBAGE)),
    "done, then 500": Trouble(Fault(FaultMode.HALF_DONE)),
    "slow": Trouble(Fault(FaultMode.SLOW, seconds=0.05)),
    "expired once": Trouble(Fault(FaultMode.EXPIRED)),
    "expired for good": Trouble(Fault(FaultMode.EXPIRED, times=2), ProviderRefused, interrupts=True),
    "conflict": Trouble(Fault(FaultMode.STATUS, status=409, writes=True), ProviderConflict),
}


@dataclass
class Tally:
    """What came of a deployment and its rollback."""

    calls: list[str] = field(default_factory=list[str])
    """Every operation that was sent, once, in their order."""
    hit: set[str] = field(default_factory=set[str])
    """Those that met the trouble."""
    met: int = 0
    """How often the trouble was met."""
    missed: set[str] = field(default_factory=set[str])
    """Operations that were to meet it and did not."""
    failures: int = 0
    """How often a step failed by it."""
    applied: Counter[str] = field(default_factory=Counter[str])
    """Effects, in words of the platform."""
    absorbed: int = 0
    """Requests that could have changed something, and came to a world that was so already."""


async def deployed_and_undone(story: Story, trouble: Trouble | None, token: str = "", only: str = "") -> Tally:
    """NEW over OLD and back, with the trouble at every call, or `only` at one kind; all is then as before."""
    platform, tally = story.platform, Tally()
    before, mark = platform.state(), platform.world.requests.mark
    persisting = partial(_persisting, tally, _failures(platform, trouble))
    seconds = SHORT_STEP_SECONDS if platform.waits_for_ever else 30.0
    with _meeting(platform, trouble, only) as deploying:
        snapshot = await persisting(partial(story.capture, NEW))
        for number in range(len(platform.deploy_steps)):
            attempt = TestAttempt(f"deploy{token}", seconds)
            await persisting(partial(story.deploy_step, number, NEW, attempt))
    assert set(platform.running()) == {NEW}
    with _meeting(platform, trouble, only) as undoing:
        for number in range(len(platform.rollback_steps)):
            attempt = TestAttempt(f"undo{token}", seconds)
            await persisting(partial(story.rollback_step, number, snapshot, attempt))
    assert platform.state() == before
    _sum(tally, (*deploying, *undoing))
    requests = platform.world.requests.since(mark)
    ours = [one for one in requests if re.search(platform.agent, one.user_agent)]
    tally.calls = list(dict.fromkeys(one.operation for one in ours))
    tally.applied = Counter(in_words(requests))
    tally.absorbed = sum(one.effect is not None and not one.changed for one in platform.effects(mark))
    return tally


def _sum(tally: Tally, faults: Iterable[InjectedFault]) -> None:
    for injected in faults:
        tally.met += injected.fired
        tally.hit |= {*injected.operations}
        tally.missed |= {*injected.seen} - {*injected.operations}


@contextmanager
def _meeting(platform: Platform, trouble: Trouble | None, only: str) -> Generator[list[InjectedFault]]:
    injected: list[InjectedFault] = []
    if trouble is not None:
        contended = platform.contended if trouble.fails is ProviderConflict else ""
        fault = replace(trouble.fault, operation=only or contended, each=not only, user_agent=platform.agent)
        injected.append(platform.world.faults.add(fault))
    yield injected
    for one in injected:
        platform.world.faults.remove(one.id)


def _failures(platform: Platform, trouble: Trouble | None) -> tuple[type[ProviderError], ...]:
    """How a step may end."""
    if trouble is None:
        return ()
    return (*((trouble.fails,) if trouble.fails else ()), *((ProviderTimedOut,) * platform.waits_for_ever))


async def _persisting(
    tally: Tally, failures: tuple[type[ProviderError], ...], act: Callable[[], Awaitable[DoneT]]
) -> DoneT:
    """What `act` comes to in the end; it may fail on the way."""
    for _ in range(MOST_TRIES):
        try:
            return await act()
        except failures:
            tally.failures += 1
    raise AssertionError("it never came to its end")


def kinds(calls: Iterable[str]) -> list[str]:
    """Patterns of calls that differ in more than numbers."""
    return list(dict.fromkeys("^" + re.sub(r"\d+", lambda _: r"\d+", re.escape(call)) + "$" for call in calls))
