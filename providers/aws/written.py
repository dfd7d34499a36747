"""What our own requests made, until reads show it: the reads of AWS lag behind its writes.

The answer to a write says what there is now. By it a read from before, an absence or an older state, is told from
what others did since, and is asked for again. What was not shown within LONGEST_LAG_SECONDS was undone by somebody
else. Source: "Eventual consistency" in the API references of EC2 and Auto Scaling; ECS's is alike.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

FoundT = TypeVar("FoundT")

LONGEST_LAG_SECONDS = 30.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 2.0

Shows = Callable[[Any], bool]
"""Whether what was read of a thing, None where it was not there, is at least as new as a write."""


@dataclass
class _Fact:
    shows: Shows
    ordered: bool
    ends: float = field(default_factory=lambda: time.monotonic() + LONGEST_LAG_SECONDS)
    shown_to: set[str] = field(default_factory=set[str])

    def is_shown(self, request: str, found: object) -> bool:
        if request in self.shown_to:
            return True
        shown = self.shows(found)
        if shown and not self.ordered:
            self.shown_to.add(request)
        return shown


class Written:
    """What was written in one region lately. A thing is named by its kind and what identifies it there."""

    def __init__(self) -> None:
        self._facts: dict[str, dict[str, _Fact]] = {}

    def note(self, thing: str, aspect: str, shows: Shows, *, ordered: bool = False) -> None:
        """From now on reads of the thing are to show it; replaces what was noted of that aspect.

        With `ordered`, `shows` also knows what is newer than the write, so that it holds for every read. Without,
        somebody else may have set another value since: a request that has shown it once is believed from then on.
        """
        now = time.monotonic()
        for known, facts in list(self._facts.items()):
            self._facts[known] = {name: fact for name, fact in facts.items() if fact.ends > now}
            if not self._facts[known]:
                del self._facts[known]
        self._facts.setdefault(thing, {})[aspect] = _Fact(shows, ordered)

    def forget(self, thing: str) -> None:
        """What was noted of a thing holds no more: it was deleted, or made anew."""
        self._facts.pop(thing, None)

    async def read(
        self, request: str, look: Callable[[], Awaitable[Mapping[str, FoundT]]], things: Iterable[str] = ()
    ) -> Mapping[str, FoundT]:
        """What `look` finds, by thing, once that shows what was written, or the time for it is over.

        `request` names what is asked: the same question answered again, and not another one. `things` are those
        whose absence says something, too.
        """
        asked = frozenset(things)
        pause = _FIRST_PAUSE_SECONDS
        while True:
            found = await look()
            left = max(
                (self._left(request, thing, found.get(thing)) for thing in asked | found.keys()), default=0.0
            )
            if left <= 0:
                return found
            await asyncio.sleep(min(pause, left))
            pause = min(_LONGEST_PAUSE_SECONDS, pause * 1.5)

    def _left(self, request: str, thing: str, found: object) -> float:
        """For how many seconds what was found is not to be believed."""
        late = [fact for fact in self._facts.get(thing, {}).values() if not fact.is_shown(request, found)]
        return max((fact.ends - time.monotonic() for fact in late), default=0.0)
