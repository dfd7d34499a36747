"""A deployment that failed or was aborted has what it brought; what it left alone can go back as before."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.core.faults import Fault, FaultMode
from tests.journeys.yard import BAD, NEW, NEXT, OLD, Gate, Yard, rollout, undo, until_running


def owners(yard: Yard) -> dict[str, set[str]]:
    """By tag, the executions that brought the instances, as the API has them."""
    found: dict[str, set[str]] = {}
    for one in yard.instances():
        found.setdefault(one["artifact"]["tag"], set()).add(one["execution"]["id"])
    return found


def sync(yard: Yard) -> None:
    payload = yard.unship.data(
        "mutation ($input: SyncInstancesInput!) { syncInstances(input: $input) { userErrors { code } } }",
        input={"serviceIdentifier": yard.name, "environmentIdentifier": yard.environment("prod")},
    )["syncInstances"]
    assert payload["userErrors"] == []


def assert_undone_from_an_instance(yard: Yard, tag: str) -> None:
    """The service's row and its instances of that tag agree that it can go back, and it does."""
    row = yard.dashboard()
    untouched = [one for one in row["instances"]["nodes"] if one["artifact"]["tag"] == tag]
    assert {row["rollbackStatus"], *(one["rollbackStatus"] for one in untouched)} == {"NOT_STARTED"}
    payload = yard.unship.roll_back(target={"instanceId": untouched[0]["id"]})
    assert payload["userErrors"] == []
    assert yard.unship.finish(payload["execution"]["id"]) == "SUCCEEDED"
    assert yard.tags() == [OLD, OLD]


@pytest.mark.parametrize("end", ["ABORTED", "FAILED"])
def test_one_that_changed_nothing_leaves_everything_to_the_one_before(yard: Yard, gate: Gate, end: str) -> None:
    """Aborted before it began at the platform, or refused by it."""
    gate.open()
    yard.apply(yard.stage("prod", steps=[gate.step(), rollout()]))
    yard.deploy(OLD)
    deployment = yard.deploy(NEW)
    before = yard.instances()
    gate.close()
    execution = yard.run(NEXT)
    until_running(yard.unship, execution, "gate")
    if end == "ABORTED":
        yard.unship.abort(execution)
    else:
        path = f"namespaces/{yard.namespace()}/"
        yard.world.faults.add(Fault(FaultMode.STATUS, method="PATCH", path=path, status=403, times=None))
    gate.open()
    assert yard.unship.finish(execution) == end
    yard.world.faults.clear()
    assert owners(yard) == {NEW: {deployment}}
    assert yard.instances() == before
    assert_undone_from_an_instance(yard, NEW)


def test_what_it_brought_is_its_own_from_the_first_look(yard: Yard, gate: Gate) -> None:
    """While it is under way too."""
    yard.world.images.bad(f"{yard.name}:{BAD}")
    yard.apply(yard.stage("prod", steps=[rollout(timeout="3s")]))
    yard.deploy(OLD)
    deployment = yard.deploy(NEW)
    execution = yard.run(BAD)
    with yard.unship.progress(execution) as batches:
        next(batch for batch in batches for event in batch["events"] if "message" in event)
        sync(yard)
    assert owners(yard) == {NEW: {deployment}, BAD: {execution}}
    assert yard.unship.finish(execution) == "FAILED"
    assert owners(yard) == {NEW: {deployment}, BAD: {execution}}
    assert {one["rollbackStatus"] for one in yard.instances() if one["artifact"]["tag"] == BAD} == {"UNAVAILABLE"}
    # A pod of the old version that is replaced meanwhile is no work of the failed one either.
    pod = next(one["key"].split("/")[1] for one in yard.instances() if one["artifact"]["tag"] == NEW)
    yard.kubectl("delete", "pod", pod)
    replica_set = f"replicaset/{pod.rpartition('-')[0]}"
    yard.kubectl("wait", replica_set, "--for=jsonpath={.status.readyReplicas}=2", "--timeout=20s")
    sync(yard)
    assert owners(yard) == {NEW: {deployment}, BAD: {execution}}
    assert_undone_from_an_instance(yard, NEW)


def test_one_that_did_not_get_to_another_place_leaves_the_target_where_it_is(yard: Yard, gate: Gate) -> None:
    """The infrastructure names another namespace by now; nothing has been deployed there."""
    gate.open()
    yard.apply(yard.stage("prod", steps=[gate.step(), rollout()], undo_=[undo()]))
    yard.deploy(OLD)
    deployment = yard.deploy(NEW)
    places: list[Any] = yard.places(("prod",))
    places[1]["infrastructureDefinition"]["spec"]["namespace"] = yard.namespace("elsewhere")
    yard.apply_documents(*places)
    gate.close()
    execution = yard.run(NEXT)
    until_running(yard.unship, execution, "gate")
    yard.unship.abort(execution)
    gate.open()
    assert yard.unship.finish(execution) == "ABORTED"
    sync(yard)
    assert owners(yard) == {NEW: {deployment}}
    assert len(yard.instances()) == 2
