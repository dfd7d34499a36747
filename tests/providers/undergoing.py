"""A platform that undergoes a trouble, compared with one that does not."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.providers.attempts import TestAttempt
from tests.providers.hurry import hurried
from tests.providers.platform import Platform
from tests.providers.platforms import PLATFORMS
from tests.providers.stories import OLD, Story, tell
from tests.providers.trouble import TROUBLES, Tally, Trouble, deployed_and_undone, kinds

STUCK_SECONDS = 180.0
_RUNS = 6


@dataclass
class Verdict:
    """What came of a trouble on a platform; over several rounds where each call met it in one of its own."""

    platform: str
    trouble: str
    calls: int = 0
    """How many operations met it."""
    met: int = 0
    failures: int = 0
    expected: Counter[str] = field(default_factory=Counter[str])
    applied: Counter[str] = field(default_factory=Counter[str])
    taken_back: Counter[str] = field(default_factory=Counter[str])
    """Effects of steps that failed, notes of it and what they undid; of what a program began, and had undone."""
    absorbed: int = 0
    missed: set[str] = field(default_factory=set[str])
    failure: str = ""
    seconds: float = 0.0

    @property
    def lost(self) -> Counter[str]:
        return self.expected - self.applied

    @property
    def duplicated(self) -> Counter[str]:
        return self.applied - self.expected - self.taken_back

    @property
    def failed(self) -> bool:
        return bool(self.failure or self.lost or self.duplicated or self.missed)


def undergo(name: str, trouble: str, share: slice = slice(None)) -> Verdict:
    """What a platform makes of a trouble. What went wrong is in the verdict.

    `share` chooses of the rounds, where there are several.
    """
    verdict, began = Verdict(name, trouble), time.monotonic()
    untroubled = _untroubled(name)
    try:
        _in_a_world(name, lambda story: _undergo(story, TROUBLES[trouble], untroubled, verdict, share))
    except Exception:
        verdict.failure = traceback.format_exc()
    verdict.seconds = time.monotonic() - began
    return verdict


async def _undergo(story: Story, trouble: Trouble, untroubled: Tally, verdict: Verdict, share: slice) -> None:
    platform = story.platform
    rounds: Sequence[str] = kinds(untroubled.calls)[share] if not platform.loses_many_answers else [""]
    for number, only in enumerate(rounds):
        if only and trouble.fault.writes and re.match(r"\^GET", only):
            continue
        tally = await _until_met(story, trouble, f"-{number}", only)
        assert tally.met, f"nothing met it: {only or 'no call'}"
        _add(verdict, tally, untroubled, platform)
        if trouble.interrupts and only:
            verdict.taken_back += _there_and_back(tally.applied - untroubled.applied)


async def _until_met(story: Story, trouble: Trouble, suffix: str, only: str) -> Tally:
    """A program asks some questions only in some of its runs, such as what the cluster knows."""
    tally = Tally()
    for again in range(_RUNS):
        try:
            async with asyncio.timeout(STUCK_SECONDS):
                tally = await deployed_and_undone(story, trouble, f"{suffix}-{again}", only)
        except Exception as error:
            error.add_note(f"at {only}")
            raise
        if tally.met:
            break
    return tally


def _add(verdict: Verdict, tally: Tally, untroubled: Tally, platform: Platform) -> None:
    verdict.calls += len(tally.hit)
    verdict.met += tally.met
    verdict.failures += tally.failures
    verdict.expected += untroubled.applied
    verdict.applied += tally.applied
    verdict.absorbed += max(0, tally.absorbed - untroubled.absorbed)
    if platform.loses_many_answers:
        verdict.missed |= tally.missed
    if tally.failures:
        more = tally.applied - untroubled.applied
        verdict.taken_back += Counter(
            {effect: count for effect, count in more.items() if re.search(platform.of_failures, effect)}
        )


def _there_and_back(more: Counter[str]) -> Counter[str]:
    """Effects beyond those of an undisturbed run that came in pairs: one of each took the other one back."""
    return Counter({effect: count for effect, count in more.items() if count % 2 == 0})


@cache
def _untroubled(name: str) -> Tally:
    found: list[Tally] = []

    async def once(story: Story) -> None:
        found.append(await deployed_and_undone(story, None))

    _in_a_world(name, once)
    return found[0]


def _in_a_world(name: str, act: Callable[[Story], Awaitable[None]]) -> None:
    """In a fresh world, where OLD is deployed."""

    async def whole(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        await act(story)

    with (
        hurried(),
        tempfile.TemporaryDirectory(prefix="unship-trouble-") as scratch,
        PLATFORMS[name](Path(scratch)) as platform,
    ):
        tell(platform, whole)
