"""Draws the kills of a run of the crash matrix: which visit of its point it is, and where the second one comes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tests.durability.fuses import Visit
from tests.durability.ordeals import AtEvent, AtRequest, AtVisit, Kill
from tests.durability.points import AT_PLATFORM, CHANGING, INSIDE, Point

# How often a platform is looked at, and how often it is further than before, depends on who is how quick.
_UNSTEADY = frozenset({Point.BEFORE_OBSERVE, Point.AFTER_OBSERVE})
# Progress is told too.
_TOLD = frozenset({Point.BEFORE_PUBLISH, Point.AFTER_PUBLISH})


@dataclass(frozen=True)
class Rehearsed:
    """How an undisturbed rollback went: the visits of its points in their order, and what it changed."""

    visits: Sequence[Visit]
    effects: Counter[str]
    vain: int
    """Requests that could have changed something and did not."""

    def count(self, point: Point) -> int:
        """How often it comes to the point at least."""
        counts = Counter(visit.point for visit in self.visits)
        if point in _UNSTEADY:
            return max(1, counts[point] // 2)
        return counts[point] - (counts[Point.AFTER_OBSERVE] if point in _TOLD else 0)

    def place(self, point: Point, number: int = 1, after: int = -1) -> int:
        """Where the point is visited for the n-th time after that place. Raises IndexError where it is not."""
        if number < 1:
            raise IndexError(f"there is no such visit of {point}")
        places = [at for at, visit in enumerate(self.visits) if at > after and visit.point is point]
        return places[number - 1]


@dataclass(frozen=True)
class Drawn:
    """A kill, and the visit at which it comes."""

    point: Point
    number: int

    def __str__(self) -> str:
        return f"{self.point}:{self.number}"

    def kill(self, agent: str) -> Kill:
        """The kill; `agent` is whose requests count."""
        if self.point in INSIDE:
            return AtVisit(self.number, self.point)
        if self.point in AT_PLATFORM:
            moment, writes = AT_PLATFORM[self.point]
            return AtRequest(self.number, moment, CHANGING, writes, agent)
        return AtEvent(self.number)


def draw(
    point: Point,
    again: Sequence[Collection[Point]],
    rehearsed: Rehearsed,
    chance: random.Random,
    *,
    by_proxy: bool,
) -> list[Drawn]:
    """The kills of one run: at that point, and then, while it recovers, at one of each of `again`.

    `by_proxy`: a program of the vendor's sends the requests, and may have sent them all when the server is back.
    Raises IndexError where nothing of `again` lies ahead for certain.
    """
    number = chance.randint(1, rehearsed.count(point))
    while True:
        kills, at = [Drawn(point, number)], rehearsed.place(point, number)
        for wanted in again:
            ahead = [one for one in _ahead(rehearsed.visits[at + 1 :], by_proxy=by_proxy) if one in wanted]
            if not ahead:
                break
            kills.append(Drawn(chance.choice(ahead), 1))
            at = rehearsed.place(kills[-1].point, after=at)
        else:
            return kills
        number -= 1


def _ahead(visits: Sequence[Visit], *, by_proxy: bool) -> list[Point]:
    """Points that are visited for certain after a crash, when so much was left to be done.

    Branches of a parallel block may be further than in the rehearsal, so one visit is not counted upon. Progress
    is reported where it is new only, and events before the crash count; neither is sure to come again.
    """
    left = Counter(visit.point for visit in visits)
    unsure = {Point.AFTER_OBSERVE, Point.AFTER_PUBLISH}
    if by_proxy:
        unsure |= {point for point, (_, writes) in AT_PLATFORM.items() if writes}
    enough = {point: 4 if point in _UNSTEADY | _TOLD else 2 for point in Point}
    return [point for point in Point if point not in unsure and left[point] >= enough[point]]
