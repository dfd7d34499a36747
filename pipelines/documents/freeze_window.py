"""The `freezeWindow:` document: when nothing is deployed or rolled back, and where. Imports base and reading."""

import re
from datetime import UTC, datetime
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from croniter import croniter
from croniter.croniter import CroniterError
from pydantic import BeforeValidator, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from pipelines.documents.base import Description, Duration, Identifier, Model, Name, Organised, Tags
from pipelines.documents.reading import ProblemSink
from pipelines.problems import Path, ProblemCode, nearest, shown

_LONGEST_CRON = 128
# The library knows more: seconds, years, words like @daily, and an R that is another number each time.
_MONTHS = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
_WEEKDAYS = "SUN|MON|TUE|WED|THU|FRI|SAT"
_PART = r"[\d*,/-]"
_CRON = re.compile(
    rf"{_PART}+ {_PART}+ {_PART}+ (?:{_PART}|{_MONTHS})+ (?:{_PART}|{_WEEKDAYS})+", re.ASCII | re.IGNORECASE
)
_TIME_ZONE = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}", re.ASCII)
_ANY_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 - cron expressions are about the clock on the wall


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and len(value) <= 64 else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        message = "not a time with an offset; write it like 2026-12-23T18:00:00+01:00"
        raise PydanticCustomError("moment", message)
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("moment", "a time beyond the calendar") from None


def _cron(value: object) -> str:
    text = " ".join(value.split()) if isinstance(value, str) and len(value) <= _LONGEST_CRON else ""
    if not _CRON.fullmatch(text) or not croniter.is_valid(text):
        message = 'not a cron expression; write minute, hour, day, month and weekday, like "0 18 * * FRI"'
        raise PydanticCustomError("cron", message)
    try:
        croniter(text, _ANY_DAY).get_next(datetime)
    except CroniterError:
        raise PydanticCustomError("cron", "no day is ever like this") from None
    return text


def _time_zone(value: object) -> str:
    if isinstance(value, str) and _TIME_ZONE.fullmatch(value):
        try:
            return ZoneInfo(value).key
        except (ZoneInfoNotFoundError, OSError):
            near = nearest(value, _time_zones())
            if near is not None:
                message = 'no time zone; did you mean "{near}"?'
                raise PydanticCustomError("time_zone", message, {"near": near}) from None
    raise PydanticCustomError("time_zone", "not a time zone; write its name like Europe/Berlin")


@cache
def _time_zones() -> frozenset[str]:
    """The names that this machine knows; to read them takes a tenth of a second and more."""
    return frozenset(available_timezones())


Moment = Annotated[datetime, BeforeValidator(_moment), PlainSerializer(datetime.isoformat, when_used="json")]
Cron = Annotated[str, BeforeValidator(_cron)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]


class Once(Model):
    """From one moment to another."""

    start: Moment
    end: Moment


class Recurring(Model):
    """Again and again: from each time that `cron` names, on a clock in `time_zone`, for `duration` seconds."""

    cron: Cron
    duration: Duration
    time_zone: TimeZone

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class FreezeWindow(Organised):
    """A time in which the environments, and those of the groups, are left as they are; once or recurring."""

    identifier: Identifier
    name: Name
    description: Description | None = None
    tags: Tags = Field(default_factory=dict)
    enabled: bool = True
    environments: tuple[Identifier, ...] = ()
    environment_groups: tuple[Identifier, ...] = ()
    once: Once | None = None
    recurring: Recurring | None = None


def check_freeze_window(window: FreezeWindow, sink: ProblemSink) -> None:
    """One time, and somewhere."""
    path: Path = ("freezeWindow",)
    if window.once is None and window.recurring is None:
        sink.add(ProblemCode.MISSING_KEY, 'a freeze window needs the key "once" or "recurring"; add it', path)
    if window.once is not None and window.recurring is not None:
        message = 'a freeze window has "once" or "recurring"; move one of them into a document of its own'
        sink.add(ProblemCode.INVALID_VALUE, message, (*path, "recurring"))
    if window.once is not None and window.once.end <= window.once.start:
        sink.add(ProblemCode.INVALID_VALUE, "the end is not after the start", (*path, "once", "end"))
    if not window.environments and not window.environment_groups:
        message = 'a freeze window needs the key "environments" or "environmentGroups" with at least one; add it'
        sink.add(ProblemCode.MISSING_KEY, message, path)
    _check_twice("environments", window.environments, sink)
    _check_twice("environmentGroups", window.environment_groups, sink)


def _check_twice(key: str, identifiers: tuple[str, ...], sink: ProblemSink) -> None:
    for index, identifier in enumerate(identifiers):
        if identifier in identifiers[:index]:
            message = f'"{shown(identifier)}" stands there twice; remove one'
            sink.add(ProblemCode.DUPLICATE_IDENTIFIER, message, ("freezeWindow", key, index))
