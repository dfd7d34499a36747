"""Whose turn it is: queries by what they cost and in order, none of them while something urgent is taken in."""

from __future__ import annotations

import asyncio

import pytest

from server import turns
from server.rates import Rates
from server.turns import Crowded, Turns


def pending(*waiting: asyncio.Task[None]) -> list[bool]:
    return [not one.done() for one in waiting]


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def entering(some: Turns, *costs: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(some.enter(cost)) for cost in costs]
    await settled()
    return tasks


def test_queries_run_together_up_to_the_capacity_and_in_order() -> None:
    async def check() -> None:
        some = Turns(1000, patience=10)
        first = await entering(some, 500, 500, 900, 1)
        assert pending(*first) == [False, False, True, True]
        some.leave(500)
        await settled()
        # The small one would fit, but is not let past the big one, which would starve.
        assert pending(*first) == [False, False, True, True]
        some.leave(500)
        await settled()
        assert pending(*first) == [False, False, False, True]
        some.leave(900)
        await asyncio.gather(*first)

    asyncio.run(check())


def test_a_query_over_the_capacity_runs_alone() -> None:
    async def check() -> None:
        some = Turns(1000, patience=10)
        first, second = await entering(some, 5000, 1)
        assert pending(first, second) == [False, True]
        some.leave(5000)
        await second

    asyncio.run(check())


def test_no_query_begins_while_something_urgent_is_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        some = Turns(1000, patience=10)
        with some.urgent():
            with some.urgent():
                (waiting,) = await entering(some, 1)
                assert pending(waiting) == [True]
            await settled()
            assert pending(waiting) == [True]
        await waiting
        monkeypatch.setattr(turns, "LONGEST_PAUSE", 0.01)
        with some.urgent():
            await asyncio.wait_for(some.enter(1), 5)

    asyncio.run(check())


def test_no_document_is_read_while_something_urgent_is_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        some = Turns(1000, patience=10)
        await some.calm()
        with some.urgent():
            waiting = asyncio.create_task(some.calm())
            await settled()
            assert not waiting.done()
        await waiting
        monkeypatch.setattr(turns, "LONGEST_PAUSE", 0.01)
        with some.urgent():
            await some.calm()

    asyncio.run(check())


def test_who_gets_no_turn_or_leaves_takes_none_away() -> None:
    async def check() -> None:
        some = Turns(1000, patience=0.01)
        await some.enter(1000)
        with pytest.raises(Crowded):
            await some.enter(1000)
        patient = Turns(1000, patience=10)
        await patient.enter(1000)
        leaving, staying = await entering(patient, 1000, 1000)
        leaving.cancel()
        await settled()
        patient.leave(1000)
        await staying
        late = asyncio.create_task(patient.enter(1000))
        await settled()
        patient.leave(1000)
        late.cancel()  # its turn has come, but it has not run since
        await settled()
        await asyncio.wait_for(patient.enter(1000), 5)

    asyncio.run(check())


def test_a_bucket_fills_as_time_goes_by() -> None:
    now = 100.0
    rates = Rates(2, 3, lambda: now)
    assert [rates.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert rates.wait("b") == 0
    now += 0.25
    assert rates.wait("a") == 0.25
    now += 0.25
    assert [rates.wait("a"), rates.wait("a")] == [0, 0.5]
    now += 1000
    assert [rates.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_zero_is_no_limit_and_subjects_are_forgotten() -> None:
    rates = Rates(0, 1)
    assert {rates.wait("a") for _ in range(100)} == {0}
    rates = Rates(1, 1, lambda: 0.0)
    assert [rates.wait("first"), rates.wait("first")] == [0, 1]
    for number in range(10_000):
        assert rates.wait(number) == 0
    assert rates.wait("first") == 0
