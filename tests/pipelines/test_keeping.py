"""A background task goes on over what fails in a round of it, and ends when it is cancelled, whatever it meets."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from pipelines.keeping import kept_going


def test_a_round_that_fails_is_logged_and_an_outage_is_not(caplog: pytest.LogCaptureFixture) -> None:
    async def rounds() -> None:
        for error in (ValueError("broken"), OperationalError("SELECT 1", {}, Exception("gone"))):
            with kept_going("it could not be done"):
                raise error

    asyncio.run(rounds())
    (record,) = caplog.records
    assert record.getMessage() == "it could not be done"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


@pytest.mark.parametrize("answer", [RuntimeError("driver"), OperationalError("SELECT 1", {}, Exception("closed"))])
def test_it_ends_although_the_driver_answers_the_cancellation_with_an_error(
    caplog: pytest.LogCaptureFixture, answer: Exception
) -> None:
    async def scenario() -> None:
        reading, again = asyncio.Event(), asyncio.Event()

        async def keep() -> None:
            while not again.is_set():
                with kept_going("it could not be done"):
                    try:
                        reading.set()
                        await asyncio.Event().wait()
                    except asyncio.CancelledError:
                        raise answer from None
                again.set()

        keeper = asyncio.create_task(keep())
        await reading.wait()
        keeper.cancel()
        await asyncio.wait([keeper])
        assert keeper.cancelled()
        assert not again.is_set()

    asyncio.run(scenario())
    assert caplog.records == []
