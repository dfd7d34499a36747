"""Faults of the platform in the middle of a rollback: outlasted where they pass, told where they last."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from sandbox.core.faults import Fault, FaultMode
from tests.journeys.yard import NEW, OLD, Gate, Yard, steps_of, undo, until_running

WRITES = "POST|PATCH|PUT|DELETE"


def deployed(yard: Yard, gate: Gate, timeout: str = "30s") -> str:
    """Deployed twice, with a rollback that waits for the gate before it touches the cluster."""
    yard.apply(yard.stage("prod", undo_=[gate.step(), undo(timeout=timeout)]))
    yard.deploy(OLD)
    return yard.deploy(NEW)


def begin(yard: Yard, execution: str) -> str:
    payload = yard.unship.roll_back(target={"executionId": execution})
    assert payload["userErrors"] == [], payload
    rollback: str = payload["execution"]["id"]
    until_running(yard.unship, rollback, "gate")
    return rollback


def generation(yard: Yard) -> int:
    """How often the Deployment was given another specification."""
    found = yard.world.store.get("Deployment", yard.namespace(), "web")
    assert found is not None
    number: int = found["metadata"]["generation"]
    return number


@contextmanager
def faulty(yard: Yard, fault: Fault) -> Generator[list[str]]:
    """Unship meets this fault in its namespace within the block; gives the requests that it fired on."""
    path = f"namespaces/{yard.namespace()}/{fault.path}"
    injected = yard.world.faults.add(replace(fault, path=path, user_agent="^unship/"))
    try:
        yield injected.operations
    finally:
        yard.world.faults.remove(injected.id)


def test_a_platform_that_does_not_answer_is_told_of_while_it_lasts_and_in_the_end(yard: Yard, gate: Gate) -> None:
    rollback = begin(yard, deployed(yard, gate, timeout="4s"))
    with faulty(yard, Fault(FaultMode.HANG, seconds=0.7, times=None)):
        gate.open()
        assert yard.unship.finish(rollback) == "FAILED"
    told = [event["message"] for event in yard.unship.events(rollback) if event.get("message")]
    assert any("127.0.0.1" in message for message in told), told
    (reason,) = [event["reason"] for event in yard.unship.events(rollback) if event.get("stepStatus") == "FAILED"]
    assert reason.startswith('Step "undo" did not finish in time: its timeout is 4 s')
    assert "The last that was heard: Unship could not" in reason


PASSING = {
    "errors": Fault(FaultMode.STATUS, status=500, times=3),
    "overload": Fault(FaultMode.STATUS, status=429, retry_after=1),
    "unavailable to writes": Fault(FaultMode.STATUS, status=503, method=WRITES, times=4),
    "conflict": Fault(FaultMode.STATUS, status=409, method="PATCH"),
    "connections reset": Fault(FaultMode.DROP, times=4),
    "answers lost": Fault(FaultMode.LOST, method=WRITES, times=4),
    "answers broken off": Fault(FaultMode.RESET, times=4),
    "answers garbled": Fault(FaultMode.GARBAGE, times=4),
    "done and denied": Fault(FaultMode.HALF_DONE, method=WRITES, times=4),
    "slow": Fault(FaultMode.SLOW, seconds=0.2, times=None),
    "watches cut": Fault(FaultMode.RESET, path=".*watch=", times=4),
}


@pytest.mark.parametrize("trouble", PASSING)
def test_what_passes_is_outlasted_and_every_effect_is_one(yard: Yard, gate: Gate, trouble: str) -> None:
    execution = deployed(yard, gate)
    rollback, before = begin(yard, execution), generation(yard)
    with faulty(yard, PASSING[trouble]) as fired:
        gate.open()
        assert yard.unship.finish(rollback) == "SUCCEEDED", yard.unship.execution(rollback)
    assert fired
    assert (yard.tags(), yard.config()) == ([OLD, OLD], {"release": OLD})
    assert generation(yard) == before + 1, "rolled out once"
    sequences = [event["sequence"] for event in yard.unship.events(rollback)]
    assert sequences == list(range(1, len(sequences) + 1))


LASTING = {
    "expired": (Fault(FaultMode.EXPIRED, times=None), "credentials"),
    "forbidden": (Fault(FaultMode.STATUS, status=403, times=None), "lacks the permission"),
    "unavailable": (Fault(FaultMode.STATUS, status=503, times=None), "overloaded or failing"),
    "gone": (Fault(FaultMode.DROP, times=None), "broke the connection off"),
}


@pytest.mark.parametrize("trouble", LASTING)
def test_what_lasts_is_told_and_the_rollback_can_be_tried_again(yard: Yard, gate: Gate, trouble: str) -> None:
    fault, said = LASTING[trouble]
    execution = deployed(yard, gate)
    rollback, before = begin(yard, execution), generation(yard)
    with faulty(yard, fault):
        gate.open()
        assert yard.unship.finish(rollback) == "FAILED"
    assert steps_of(yard.unship, rollback) == {"gate": "SUCCEEDED", "undo": "FAILED"}
    assert said in yard.unship.execution(rollback)["stages"][0]["steps"][1]["statusReason"]
    assert yard.dashboard()["rollbackStatus"] == "FAILURE"
    assert yard.tags() == [NEW, NEW]
    assert yard.unship.finish(begin(yard, execution)) == "SUCCEEDED"
    assert (yard.tags(), generation(yard)) == ([OLD, OLD], before + 1)


def test_a_rollout_that_hangs_is_told_with_the_pods_own_reason(yard: Yard, gate: Gate) -> None:
    execution = deployed(yard, gate, timeout="2s")
    rollback, before = begin(yard, execution), generation(yard)
    rule = f"{yard.name}:{OLD}"
    yard.world.images.bad(rule)
    gate.open()
    assert yard.unship.finish(rollback) == "FAILED"
    reason = yard.unship.execution(rollback)["stages"][0]["steps"][1]["statusReason"]
    assert "ImagePullBackOff" in reason
    yard.world.images.good(rule)
    assert yard.unship.finish(begin(yard, execution)) == "SUCCEEDED"
    assert (yard.tags(), generation(yard)) == ([OLD, OLD], before + 1)
