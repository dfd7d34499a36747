"""What we wrote has to be seen: decided without a platform."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import pytest

from providers.aws import written
from providers.aws.written import Written


@pytest.fixture(autouse=True)
def _lag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "LONGEST_LAG_SECONDS", 0.2)


def read(known: Written, answers: Iterable[int | None], request: str = "request") -> tuple[int | None, int]:
    """What is believed of these answers in a row (the last one for ever), and how many were needed."""
    left, asked = list(answers), 0

    async def look() -> Mapping[str, int]:
        nonlocal asked
        asked += 1
        found = left.pop(0) if len(left) > 1 else left[0]
        return {} if found is None else {"thing": found}

    return asyncio.run(known.read(request, look, ["thing"])).get("thing"), asked


def test_reads_from_before_a_write_are_asked_for_again() -> None:
    known = Written()
    assert read(known, [None]) == (None, 1)
    known.note("thing", "value", lambda found: found == 2)
    assert read(known, [None, 1, 2]) == (2, 3)


def test_what_is_never_shown_was_undone_by_somebody_else() -> None:
    known = Written()
    known.note("thing", "value", lambda found: found == 2)
    found, asked = read(known, [None])
    assert (found, asked > 1) == (None, True)
    assert read(known, [None]) == (None, 1), "its time is over"


def test_a_request_that_has_shown_a_value_is_believed_and_another_is_not_yet() -> None:
    known = Written()
    known.note("thing", "value", lambda found: found == 2)
    assert read(known, [2]) == (2, 1)
    assert read(known, [3]) == (3, 1)
    assert read(known, [1, 2], "another") == (2, 2)


def test_what_has_an_order_never_goes_back() -> None:
    known = Written()
    known.note("thing", "value", lambda found: found is not None and found >= 2, ordered=True)
    assert read(known, [3]) == (3, 1)
    assert read(known, [1, 2]) == (2, 2)


def test_a_later_write_takes_the_place_of_an_earlier_one() -> None:
    known = Written()
    known.note("thing", "value", lambda found: found == 2)
    known.note("thing", "value", lambda found: found == 3)
    assert read(known, [2, 3]) == (3, 2)
    known.note("thing", "other", lambda found: found == 4)
    known.forget("thing")
    assert read(known, [None]) == (None, 1)
