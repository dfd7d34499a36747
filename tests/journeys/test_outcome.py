"""The outcome is proved: what differs is named, what was already so is said, and every status follows the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.core.faults import Fault, FaultMode
from tests.journeys.yard import (
    MANIFEST,
    NEW,
    OLD,
    Gate,
    Yard,
    refused,
    rollout,
    script,
    steps_of,
    undo,
    until_running,
)


def statuses(yard: Yard, execution: str) -> tuple[str, str, str, set[str]]:
    """rollbackStatus of the execution, its stage, the service's row and its instances."""
    found = yard.unship.data(
        "query ($id: ID!) { execution(id: $id) { rollbackStatus stages { rollbackStatus } } }", id=execution
    )["execution"]
    row = yard.dashboard()
    instances = {one["rollbackStatus"] for one in row["instances"]["nodes"]}
    return found["rollbackStatus"], found["stages"][0]["rollbackStatus"], row["rollbackStatus"], instances


def everywhere(status: str) -> tuple[str, str, str, set[str]]:
    return status, status, status, {status}


def deployed(yard: Yard, **more: Any) -> str:
    yard.apply(yard.stage("prod", **more))
    yard.deploy(OLD)
    return yard.deploy(NEW)


def begin(yard: Yard, execution: str) -> str:
    rollback: str = yard.unship.roll_back(target={"executionId": execution})["execution"]["id"]
    return rollback


@pytest.fixture(scope="module", autouse=True)
def ill(yards: Callable[..., Yard]) -> Iterator[Future[tuple[Yard, dict[str, Any]]]]:
    """A rollback after whose rollout the only pod falls ill. It takes its time, beside the other tests."""
    yard = yards("ill", manifest=MANIFEST.replace("replicas: 2", "replicas: 1"))
    with ThreadPoolExecutor() as pool:
        yield pool.submit(_fall_ill, yard)


def _fall_ill(yard: Yard) -> tuple[Yard, dict[str, Any]]:
    execution = deployed(yard)
    rollback = begin(yard, execution)
    listing = f"namespaces/{yard.namespace()}/pods"
    slow = yard.world.faults.add(Fault(FaultMode.SLOW, "GET", listing, seconds=6))
    with yard.unship.progress(rollback) as batches:
        for batch in batches:
            if any(event.get("stageStatus") == "VERIFYING" for event in batch["events"]):
                yard.world.images.failing(f"{yard.name}:{OLD}")
                yard.kubectl("delete", "pod", "--all", "--wait=false")
    assert slow.fired == 1
    return yard, yard.unship.execution(rollback)


def test_statuses_through_started_to_success(yard: Yard, gate: Gate) -> None:
    yard.apply(yard.stage("prod", undo_=[gate.step(), undo()]))
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    assert statuses(yard, execution) == everywhere("NOT_STARTED")
    rollback = begin(yard, execution)
    until_running(yard.unship, rollback, "gate")
    assert statuses(yard, execution) == everywhere("STARTED")
    gate.open()
    assert yard.unship.finish(rollback) == "SUCCEEDED"
    assert statuses(yard, execution) == statuses(yard, rollback) == everywhere("SUCCESS")
    assert {one["execution"]["id"] for one in yard.instances()} == {rollback}
    assert yard.dashboard()["lastExecution"] == {"id": rollback}
    newest = yard.deploy(NEW)
    assert statuses(yard, newest) == everywhere("NOT_STARTED")


@pytest.mark.parametrize("end", ["FAILED", "ABORTED"])
def test_statuses_end_as_failure_however_the_rollback_ended(yard: Yard, gate: Gate, end: str) -> None:
    execution = deployed(yard, undo_=[gate.step(), script("last", f"exit {int(end == 'FAILED')}"), undo()])
    rollback = begin(yard, execution)
    until_running(yard.unship, rollback, "gate")
    if end == "ABORTED":
        yard.unship.abort(rollback)
    gate.open()
    assert yard.unship.finish(rollback) == end
    assert statuses(yard, execution) == statuses(yard, rollback) == everywhere("FAILURE")
    assert yard.tags() == [NEW, NEW]


def test_statuses_without_rollback_steps_or_success(yard: Yard) -> None:
    execution = deployed(yard, undo_=[])
    assert statuses(yard, execution) == everywhere("UNAVAILABLE")


def last_deployed(yard: Yard) -> list[str | None]:
    """When a deployment to it last succeeded, of the service's only environment."""
    found = yard.unship.data(
        "query ($s: String!) { service(identifier: $s) { environments { lastDeployedAt } } }", s=yard.name
    )["service"]
    return [entry["lastDeployedAt"] for entry in found["environments"]]


def test_only_a_success_counts_as_deployed(yard: Yard, gate: Gate) -> None:
    steps = [rollout(), script("check", f"[ -e '{gate.path}' ]")]
    yard.apply(yard.stage("prod", steps=steps, undo_=[undo()]))
    assert yard.ran(OLD)[1] == "FAILED"
    assert last_deployed(yard) == [None]
    gate.open()
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    before = last_deployed(yard)
    assert before != [None]
    yard.unship.rolled_back(execution)
    assert last_deployed(yard) == before


def test_completed_with_drift_when_a_floating_tag_moved_meanwhile(yard: Yard) -> None:
    """The same tag is not the same thing: the digest tells, and success is not said."""
    execution = deployed(yard)
    before = yard.world.images.digest(f"shop/{yard.name}:{OLD}")
    moved = yard.world.images.move(f"shop/{yard.name}:{OLD}")
    rollback = yard.unship.rolled_back(execution)
    shown = yard.unship.execution(rollback)
    assert (shown["status"], shown["stages"][0]["status"]) == ("COMPLETED_WITH_DRIFT", "COMPLETED_WITH_DRIFT")
    reason = shown["stages"][0]["statusReason"]
    assert (before in reason, moved in reason) == (True, True)
    assert all(one["key"] in reason for one in yard.instances())
    last = [event for event in yard.unship.events(rollback) if event.get("executionStatus")][-1]
    assert (last["executionStatus"], reason in last["reason"]) == ("COMPLETED_WITH_DRIFT", True)
    assert statuses(yard, execution) == everywhere("FAILURE")
    assert yard.unship.eligibility(executionId=execution)["verdict"] == "ELIGIBLE_WITH_WARNINGS"


def test_completed_with_drift_when_no_step_brought_it_back(yard: Yard) -> None:
    """Rollback steps that do not undo anything are a user's mistake that a green light would hide."""
    execution = deployed(yard, undo_=[script("say", "true")])
    rollback = yard.unship.rolled_back(execution)
    shown = yard.unship.execution(rollback)
    assert shown["status"] == "COMPLETED_WITH_DRIFT"
    assert f"expected shop/{yard.name}:{OLD}" in shown["stages"][0]["statusReason"]
    assert steps_of(yard.unship, rollback) == {"say": "SUCCEEDED"}
    assert yard.tags() == [NEW, NEW]


def test_completed_with_drift_when_nobody_can_look(yard: Yard) -> None:
    """What could not be verified is not called a success."""
    execution = deployed(yard)
    listing = f"namespaces/{yard.namespace()}/pods"
    rollback = begin(yard, execution)
    fault = None
    with yard.unship.progress(rollback) as batches:
        for batch in batches:
            if fault is None and any(event.get("stepStatus") == "RUNNING" for event in batch["events"]):
                fault = yard.world.faults.add(Fault(FaultMode.EXPIRED, "GET", listing, times=None))
    assert fault is not None
    yard.world.faults.remove(fault.id)
    shown = yard.unship.execution(rollback)
    assert shown["status"] == "COMPLETED_WITH_DRIFT"
    assert "could not be verified" in shown["stages"][0]["statusReason"]
    assert yard.tags() == [OLD, OLD]


def test_skipped_says_that_it_was_already_so(yard: Yard) -> None:
    """Somebody was faster, with the cluster's own tool."""
    execution = deployed(yard)
    yard.kubectl("rollout", "undo", "deployment/web")
    yard.kubectl("patch", "configmap", "settings", "--patch", f'{{"data": {{"release": "{OLD}"}}}}')
    yard.kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    mark = yard.world.requests.mark
    rollback = yard.unship.rolled_back(execution)
    shown = yard.unship.execution(rollback)
    assert (shown["status"], shown["stages"][0]["status"]) == ("SUCCEEDED", "SKIPPED")
    assert "already" in shown["stages"][0]["statusReason"]
    assert "already" in shown["stages"][0]["steps"][0]["statusReason"]
    assert yard.writes(mark) == []
    assert statuses(yard, execution) == everywhere("SUCCESS")
    assert refused(yard, executionId=execution) == ["ALREADY_ROLLED_BACK"]


def test_the_result_names_what_was_restored(yard: Yard) -> None:
    execution = deployed(yard)
    payload = yard.unship.roll_back(target={"executionId": execution}, reason="checkout is slow")
    rollback = payload["execution"]["id"]
    assert yard.unship.finish(rollback) == "SUCCEEDED"
    shown = yard.unship.execution(rollback)
    assert (shown["reason"], shown["statusReason"]) == ("checkout is slow", 'Restored and verified: "prod".')
    assert yard.unship.execution(execution)["statusReason"] is None
    stage = shown["stages"][0]
    assert stage["statusReason"].startswith(
        f"Restored and verified: 2 of Deployment/web at shop/{yard.name}:{OLD}"
    )
    assert (stage["artifact"]["tag"], stage["previousArtifact"]["tag"]) == (OLD, NEW)
    assert stage["artifact"]["digest"] == yard.world.images.digest(f"shop/{yard.name}:{OLD}")
    assert [one["artifact"] for one in yard.instances()] == [
        {"tag": OLD, "digest": yard.world.images.digest(f"shop/{yard.name}:{OLD}")}
    ] * 2


def test_completed_with_drift_when_an_instance_is_not_healthy(ill: Future[tuple[Yard, dict[str, Any]]]) -> None:
    """The right version runs, but a pod falls ill after the rollout: it is named."""
    yard, shown = ill.result()
    stage = shown["stages"][0]
    assert (shown["status"], stage["status"]) == ("COMPLETED_WITH_DRIFT", "COMPLETED_WITH_DRIFT")
    assert stage["statusReason"] == f"{yard.instances()[0]['key']}: expected HEALTHY, found UNHEALTHY."
