"""Canary and blue/green over the whole path: pipeline YAML, deployment, plan, rollback and its proof."""

from __future__ import annotations

from tests.journeys.yard import (
    MANIFEST,
    NEW,
    OLD,
    Entry,
    Gate,
    Yard,
    rollout,
    script,
    step,
    steps_of,
    undo,
    until_running,
)

SERVICE = """
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


def k8s(identifier: str, type_: str, spec: Entry | None = None) -> Entry:
    return step(identifier, type_, spec, timeout="30s")


def rolled_back(yard: Yard, execution: str) -> Entry:
    """The rollback of an execution, with its proof."""
    rollback = yard.unship.execution(yard.unship.rolled_back(execution))
    assert rollback["status"] == "SUCCEEDED", rollback
    return rollback


def test_a_canary_that_was_rolled_out_is_undone(yard: Yard) -> None:
    canary = {"instanceSelection": {"type": "Percentage", "spec": {"percentage": 50}}}
    delete = k8s("delete", "K8sCanaryDelete")
    yard.apply(
        yard.stage(
            "prod",
            steps=[k8s("canary", "K8sCanaryDeploy", canary), delete, rollout()],
            undo_=[delete, undo()],
        )
    )
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    assert set(steps_of(yard.unship, execution).values()) == {"SUCCEEDED"}
    assert yard.tags() == [NEW] * 2
    rollback = rolled_back(yard, execution)
    assert steps_of(yard.unship, rollback["id"]) == {"delete": "SKIPPED", "undo": "SUCCEEDED"}
    assert yard.tags() == [OLD] * 2


CANARY = {"instanceSelection": {"type": "Count", "spec": {"count": 1}}}


def test_a_canary_that_is_left_is_told_with_the_way_out(yard: Yard, gate: Gate) -> None:
    """Failed or aborted, it stays beside what runs, in traffic: whoever reads why must read that as well."""
    steps = [k8s("canary", "K8sCanaryDeploy", CANARY), gate.step(), script("bad", "exit 1"), rollout()]
    yard.apply(yard.stage("prod", steps=steps))
    execution = yard.run(NEW)
    until_running(yard.unship, execution, "gate")
    yard.unship.abort(execution)
    gate.open()
    assert yard.unship.finish(execution) == "ABORTED"
    left = (
        f"Left running: 1 of Deployment/web-canary at shop/{yard.name}:{NEW}. "
        "The canary takes its share of the traffic until a K8sCanaryDelete step removes it."
    )
    shown = yard.unship.execution(execution)
    assert shown["stages"][0]["statusReason"] == f"The execution was aborted. {left}"
    assert shown["statusReason"].endswith(f': test. Stage "prod": {left}')
    failed, status = yard.ran(NEW)
    assert (status, yard.tags()) == ("FAILED", [NEW])
    assert yard.unship.execution(failed)["statusReason"].endswith(left)


def test_what_was_taken_away_again_is_not_told_of(yard: Yard) -> None:
    delete = k8s("delete", "K8sCanaryDelete")
    steps = [k8s("canary", "K8sCanaryDeploy", CANARY), delete, script("bad", "exit 1")]
    yard.apply(yard.stage("prod", steps=steps))
    execution, status = yard.ran(NEW)
    assert status == "FAILED"
    assert "Left" not in yard.unship.execution(execution)["stages"][0]["statusReason"]


def test_a_swap_is_undone_by_a_swap(yard: Yard) -> None:
    swap = k8s("swap", "K8sBGSwapServices")
    blue_green = Yard(yard.name, yard.unship, yard.world, manifest=MANIFEST + SERVICE)
    blue_green.apply(blue_green.stage("prod", steps=[k8s("deploy", "K8sBlueGreenDeploy"), swap], undo_=[swap]))
    blue_green.deploy(OLD)
    execution = blue_green.deploy(NEW)
    assert sorted(blue_green.tags()) == [OLD] * 2 + [NEW] * 2
    assert color(yard) == "green"
    shown = {(one["artifact"]["tag"], one["execution"]["id"] == execution) for one in yard.instances()}
    assert shown == {(OLD, False), (NEW, True)}, "the idle colour is of the deployment whose version it runs"
    rolled_back(yard, execution)
    assert (blue_green.tags(), color(yard)) == ([OLD] * 2, "blue")


def color(yard: Yard) -> str:
    """The colour that the primary Service leads to."""
    service = yard.world.store.get("Service", yard.namespace(), "web")
    assert service is not None
    return service["spec"]["selector"]["harness.io/color"]
