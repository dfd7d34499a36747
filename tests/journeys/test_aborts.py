"""Aborting: after the current step, out of any pause, once; and what was aborted can be tried again."""

from __future__ import annotations

from tests.journeys.yard import NEW, OLD, Gate, Yard, on_failure, script, step, steps_of, undo, until_running

ONCE_AN_HOUR = on_failure(
    "Retry",
    {
        "retryCount": 3,
        "retryIntervals": ["1h"],
        "onRetryFailure": {"action": {"type": "MarkAsFailure"}},
    },
)


def rolling_back(yard: Yard, *steps: object) -> tuple[str, str]:
    """A deployment and its rollback, which has these steps and is under way."""
    yard.apply(yard.stage("prod", undo_=list(steps)))
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    payload = yard.unship.roll_back(target={"executionId": execution})
    assert payload["userErrors"] == [], payload
    return execution, payload["execution"]["id"]


def until_told(yard: Yard, rollback: str, text: str = "") -> None:
    """Follow until a step says that, or anything."""
    with yard.unship.progress(rollback) as batches:
        messages = (one["message"] for batch in batches for one in batch["events"] if "message" in one)
        next(message for message in messages if text in message)


def assert_it_can_be_tried_again(yard: Yard, execution: str) -> None:
    assert yard.dashboard()["rollbackStatus"] == "FAILURE"
    assert yard.unship.eligibility(executionId=execution)["verdict"] in ("ELIGIBLE", "ELIGIBLE_WITH_WARNINGS")


def test_a_rollout_under_way_is_finished_and_nothing_follows_it(yard: Yard) -> None:
    """Half a rollout is neither version: the current step ends, the next does not begin."""
    execution, rollback = rolling_back(yard, undo(), script("next", "true"))
    yard.world.images.slow(f"{yard.name}:{OLD}", ticks=20)
    until_told(yard, rollback)
    assert yard.unship.abort(rollback)["execution"]["status"] == "ABORTING"
    assert yard.unship.finish(rollback) == "ABORTED"
    assert yard.unship.execution(rollback)["statusReason"].endswith(": test"), "as the one who aborted it said"
    assert steps_of(yard.unship, rollback) == {"undo": "SUCCEEDED", "next": "ABANDONED"}
    assert yard.tags() == [OLD, OLD]
    assert_it_can_be_tried_again(yard, execution)


def test_a_pause_before_the_next_try_is_cut_short(yard: Yard, gate: Gate) -> None:
    waiting = script("flaky", "exit 1", failureStrategies=ONCE_AN_HOUR)
    execution, rollback = rolling_back(yard, gate.step(), waiting, undo())
    until_running(yard.unship, rollback, "gate")
    gate.open()
    until_told(yard, rollback, "Try 1 failed")
    yard.unship.abort(rollback)
    assert yard.unship.finish(rollback) == "ABORTED"
    assert steps_of(yard.unship, rollback) == {"gate": "SUCCEEDED", "flaky": "ABORTED", "undo": "ABANDONED"}
    assert yard.tags() == [NEW, NEW]
    assert_it_can_be_tried_again(yard, execution)


def test_asked_as_soon_as_it_is_accepted(yard: Yard) -> None:
    execution, rollback = rolling_back(yard, step("rest", "Wait", {"duration": "1h"}), undo())
    assert yard.unship.abort(rollback)["userErrors"] == []
    assert yard.unship.finish(rollback) == "ABORTED"
    assert yard.tags() == [NEW, NEW]
    assert_it_can_be_tried_again(yard, execution)


def test_asked_twice_it_is_one_abort_and_afterwards_a_refusal(yard: Yard, gate: Gate) -> None:
    _, rollback = rolling_back(yard, gate.step(), undo())
    until_running(yard.unship, rollback, "gate")
    first, second = yard.unship.abort(rollback), yard.unship.abort(rollback)
    assert first == second
    gate.open()
    assert yard.unship.finish(rollback) == "ABORTED"
    aborting = [event for event in yard.unship.events(rollback) if event.get("executionStatus") == "ABORTING"]
    assert len(aborting) == 1
    late = yard.unship.abort(rollback)
    assert (late["execution"], [one["code"] for one in late["userErrors"]]) == (None, ["EXECUTION_FINISHED"])
