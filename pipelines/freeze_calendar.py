"""When a freeze window holds: at a moment, until when, and when next. Pure; imports the document alone.

A recurring window is about the clock on the wall: it begins and ends at the same times of day, whatever the clocks
of its time zone do in between. In the hour that they skip or repeat it is taken at its widest.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from croniter import croniter

from pipelines.documents.freeze_window import FreezeWindow, Recurring

# Times that follow each other without a gap are one; they are followed so often, and so far.
_FOLLOWED = 300
_FAR = timedelta(days=32)
_MINUTE = timedelta(minutes=1)


class Held(NamedTuple):
    """A window holds, until just before that moment (UTC); None: there is no end in sight."""

    until: datetime | None


def held_at(window: FreezeWindow, at: datetime) -> Held | None:
    """Whether the window holds at that moment, and until when; None where it does not."""
    if not window.enabled:
        return None
    if window.once is not None:
        return Held(window.once.end) if window.once.start <= at < window.once.end else None
    return None if window.recurring is None else _Clock(window.recurring).held_at(at)


def next_start(window: FreezeWindow, at: datetime) -> datetime | None:
    """When a time of the window begins after that moment; None where none will."""
    if not window.enabled:
        return None
    if window.once is not None:
        return window.once.start if at < window.once.start else None
    return None if window.recurring is None else _Clock(window.recurring).next_start(at)


class _Time(NamedTuple):
    start: datetime
    end: datetime


class _Clock:
    """A recurring window on the clock on the wall."""

    def __init__(self, recurring: Recurring) -> None:
        self._length = timedelta(seconds=recurring.duration)
        self._zone = recurring.zone
        self._cron = croniter(recurring.cron)

    def held_at(self, at: datetime) -> Held | None:
        ends = [time.end for time in self._begun(at) if time.start <= at < time.end]
        if not ends:
            return None
        end = max(ends)
        for _ in range(_FOLLOWED):
            further = self._time(self._last(self._wall(end))).end
            if further <= end:
                return Held(end)
            if further - at > _FAR:
                break
            end = further
        return Held(None)

    def next_start(self, at: datetime) -> datetime:
        wall = self._next(self._wall(at))
        while (time := self._time(wall)).start <= at:
            wall = self._next(wall)
        return time.start

    def _begun(self, at: datetime) -> list[_Time]:
        """The last time that has begun by the clock, and those after it that have begun all the same."""
        wall = self._last(self._wall(at))
        times = [self._time(wall)]
        while (time := self._time(wall := self._next(wall))).start <= at:
            times.append(time)
        return times

    def _wall(self, at: datetime) -> datetime:
        """What the clock shows at that moment, to the minute."""
        return at.astimezone(self._zone).replace(tzinfo=None, second=0, microsecond=0)

    def _last(self, wall: datetime) -> datetime:
        found: datetime = self._cron.get_prev(datetime, wall + _MINUTE)
        return found

    def _next(self, wall: datetime) -> datetime:
        found: datetime = self._cron.get_next(datetime, wall)
        return found

    def _time(self, wall: datetime) -> _Time:
        return _Time(min(self._moments(wall)), max(self._moments(wall + self._length)))

    def _moments(self, wall: datetime) -> tuple[datetime, datetime]:
        """When the clock shows this: one moment twice, but in the hours that it skips or repeats (PEP 495)."""
        first, second = (wall.replace(tzinfo=self._zone, fold=fold) for fold in (0, 1))
        return first.astimezone(UTC), second.astimezone(UTC)
