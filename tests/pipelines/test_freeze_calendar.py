"""When freeze windows hold: by the clock on the wall, over the nights in which it is changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.documents.freeze_window import FreezeWindow
from pipelines.freeze_calendar import Held, held_at, next_start

# In 2026 the clocks of Berlin skip 02:00 to 03:00 on 29 March, and repeat it on 25 October.


def recurring(cron: str, duration: str, time_zone: str = "Europe/Berlin", **more: Any) -> FreezeWindow:
    given = {"cron": cron, "duration": duration, "timeZone": time_zone}
    return window(recurring=given, **more)


def once(start: str, end: str, **more: Any) -> FreezeWindow:
    return window(once={"start": start, "end": end}, **more)


def window(**more: Any) -> FreezeWindow:
    return FreezeWindow.model_validate({"identifier": "w", "name": "W", "environments": ["prod"], **more})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def held(found: FreezeWindow, moment: str) -> str | None:
    """Until when it holds at that moment; None where it does not."""
    answer = held_at(found, at(moment))
    if answer is None:
        return None
    return "for ever" if answer.until is None else f"{answer.until:%d.%m. %H:%M}"


def test_a_window_that_comes_once_holds_from_its_start_to_just_before_its_end() -> None:
    found = once("2026-12-23T18:00:00+01:00", "2027-01-04T08:00:00+01:00")
    assert held(found, "2026-12-23T16:59:59.999Z") is None
    assert held(found, "2026-12-23T17:00Z") == held(found, "2027-01-04T06:59:59.999Z") == "04.01. 07:00"
    assert held(found, "2027-01-04T07:00Z") is None
    assert next_start(found, at("2026-12-01T00:00Z")) == at("2026-12-23T17:00Z")
    assert next_start(found, at("2026-12-23T17:00Z")) is None


def test_offsets_of_start_and_end_may_differ() -> None:
    """As they do over a change of the clocks."""
    found = once("2026-10-24T00:00:00+02:00", "2026-10-26T00:00:00+01:00")
    assert held_at(found, at("2026-10-25T12:00Z")) == Held(at("2026-10-25T23:00Z"))


WEEKEND = recurring("0 18 * * FRI", "62h")


@pytest.mark.parametrize(
    ("friday", "monday"),
    [
        ("2026-03-06T17:00Z", "2026-03-09T07:00Z"),
        ("2026-03-27T17:00Z", "2026-03-30T06:00Z"),
        ("2026-07-03T16:00Z", "2026-07-06T06:00Z"),
        ("2026-10-23T16:00Z", "2026-10-26T07:00Z"),
    ],
    ids=["winter", "an hour less", "summer", "an hour more"],
)
def test_a_weekend_ends_on_monday_at_eight_whatever_the_clocks_did(friday: str, monday: str) -> None:
    start, end = at(friday), at(monday)
    second = end - (at("2026-01-01T00:00:01Z") - at("2026-01-01T00:00Z"))
    assert held_at(WEEKEND, start) == held_at(WEEKEND, second) == Held(end)
    assert held_at(WEEKEND, end) is None
    assert held_at(WEEKEND, start - (end - second)) is None
    assert next_start(WEEKEND, start - (end - second)) == start


def test_the_hour_that_the_clocks_skip_is_taken_at_its_widest() -> None:
    """It would begin at 02:30, which is either 01:30 or 03:30."""
    found = recurring("30 2 * * *", "1h")
    assert held(found, "2026-03-28T01:29Z") is None
    assert held(found, "2026-03-28T01:30Z") == "28.03. 02:30"
    assert held(found, "2026-03-29T00:29Z") is None
    assert held(found, "2026-03-29T00:30Z") == held(found, "2026-03-29T01:29Z") == "29.03. 01:30"
    assert held(found, "2026-03-29T01:30Z") is None
    assert next_start(found, at("2026-03-29T00:00Z")) == at("2026-03-29T00:30Z")
    within = recurring("0 2 * * *", "30m")
    assert held(within, "2026-03-29T00:00Z") == "29.03. 01:30", "nor is one that is all in that hour left out"
    ends_in_it = recurring("0 1 * * *", "90m")
    assert held(ends_in_it, "2026-03-29T00:00Z") == "29.03. 01:30"


def test_the_hour_that_the_clocks_repeat_is_held_both_times() -> None:
    found = recurring("30 2 * * *", "15m")
    assert held(found, "2026-10-25T00:29Z") is None
    for moment in ("00:30", "00:50", "01:15", "01:44"):
        assert held(found, f"2026-10-25T{moment}Z") == "25.10. 01:45"
    assert held(found, "2026-10-25T01:45Z") is None
    assert next_start(found, at("2026-10-25T00:31Z")) == at("2026-10-26T01:30Z")


def test_time_zones_count_and_utc_has_no_changes() -> None:
    assert held(recurring("0 0 * * *", "1h", "Asia/Kolkata"), "2026-05-01T18:30Z") == "01.05. 19:30"
    assert held(recurring("0 0 * * *", "1h", "America/New_York"), "2026-05-01T04:00Z") == "01.05. 05:00"
    assert held(recurring("30 2 * * *", "1h", "UTC"), "2026-03-29T02:30Z") == "29.03. 03:30"


def test_a_time_longer_than_what_lies_between_is_one_time() -> None:
    nights = recurring("0 20 * * MON-FRI", "12h")
    assert held(nights, "2026-05-06T20:00Z") == "07.05. 06:00"
    assert held(nights, "2026-05-06T10:00Z") is None
    days = recurring("0 0 * * SAT,SUN", "24h")
    assert held(days, "2026-05-02T10:00Z") == "03.05. 22:00", "Saturday and Sunday follow each other"
    overlapping = recurring("0 0,12 * * SAT", "18h")
    assert held(overlapping, "2026-05-02T05:00Z") == "03.05. 04:00"
    assert held(recurring("*/5 8-17 * * *", "5m"), "2026-05-06T06:00Z") == "06.05. 16:00"


@pytest.mark.parametrize(("cron", "duration"), [("0 0 * * *", "24h"), ("0 0 * * *", "3d"), ("* * * * *", "1m")])
def test_what_never_ends_has_no_end_in_sight(cron: str, duration: str) -> None:
    assert held(recurring(cron, duration), "2026-05-06T09:30:30Z") == "for ever"


def test_seconds_within_a_minute_count() -> None:
    found = recurring("0 12 * * *", "90s", "UTC")
    assert held(found, "2026-05-06T11:59:59.999Z") is None
    assert held(found, "2026-05-06T12:01:29.999Z") == "06.05. 12:01"
    assert held(found, "2026-05-06T12:01:30Z") is None


def test_a_day_of_the_month_and_of_the_week_are_either_as_cron_has_it() -> None:
    found = recurring("0 0 1 * MON", "1h", "UTC")
    assert held(found, "2026-05-01T00:10Z")
    assert held(found, "2026-05-04T00:10Z")
    assert held(found, "2026-05-05T00:10Z") is None


def test_one_that_is_switched_off_never_holds() -> None:
    for found in (
        recurring("* * * * *", "1h", enabled="false"),
        once("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", enabled="no"),
    ):
        assert held(found, "2026-05-06T12:00Z") is None
        assert next_start(found, at("2025-05-06T12:00Z")) is None


def test_what_is_stored_is_read_back_as_it_was() -> None:
    for found in (WEEKEND, once("2026-12-23T18:00:00+01:00", "2027-01-04T08:00:00+01:00")):
        stored = found.model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert FreezeWindow.model_validate(stored) == found
