"""Every reason for or against a rollback, told before anybody clicks; the mutation says the same, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.journeys.yard import (
    MANIFEST,
    NEW,
    NEXT,
    OLD,
    Gate,
    Yard,
    executions_of,
    nothing_happens,
    output,
    refused,
    rollout,
    script,
    undo,
    until_running,
)

BOTH = ("prod", "staging")


def reasons(yard: Yard, **target: Any) -> dict[str, dict[str, Any]]:
    """The reasons of a verdict by their codes."""
    return {reason["code"]: reason for reason in yard.unship.eligibility(**target)["reasons"]}


def deployed(yard: Yard, **more: Any) -> str:
    """Two deployments to prod; the second one."""
    yard.apply(yard.stage("prod", **more))
    yard.deploy(OLD)
    return yard.deploy(NEW)


def test_eligible_without_a_reason(yard: Yard) -> None:
    execution = deployed(yard)
    verdict = yard.unship.eligibility(executionId=execution)
    assert (verdict["verdict"], verdict["reasons"]) == ("ELIGIBLE", [])
    assert yard.dashboard()["rollbackEligibility"] == {"verdict": "ELIGIBLE", "reasons": []}
    assert [yard.unship.eligibility(instanceId=one["id"])["verdict"] for one in yard.instances()] == [
        "ELIGIBLE"
    ] * 2


def test_execution_not_successful_names_the_status(yard: Yard, gate: Gate) -> None:
    yard.apply(yard.stage("prod", steps=[rollout(), gate.step(), script("end", "exit 1")]))
    execution = yard.run()
    until_running(yard.unship, execution, "gate")
    reason = reasons(yard, executionId=execution)["EXECUTION_NOT_SUCCESSFUL"]
    assert "RUNNING" in reason["message"]
    assert "abort" in reason["remedy"]
    gate.open()
    assert yard.unship.finish(execution) == "FAILED"
    assert yard.unship.execution(execution)["statusReason"].startswith('Stage "prod": ')
    assert "FAILED" in reasons(yard, executionId=execution)["EXECUTION_NOT_SUCCESSFUL"]["message"]


def test_not_latest_deployment_names_the_newer_one_by_another_pipeline_too(yard: Yard) -> None:
    execution = deployed(yard)
    other = yard.pipeline(yard.stage("again", "prod"), identifier=f"{yard.name}_other")
    yard.apply_documents(other)
    newer = yard.unship.deploy(f"{yard.name}_other", tag=NEXT)
    reason = reasons(yard, executionId=execution)["NOT_LATEST_DEPLOYMENT"]
    assert f"deployment #1 of pipeline {yard.name}_other" in reason["message"]
    assert reason["execution"] == {"id": newer}
    assert refused(yard, executionId=execution) == ["NOT_LATEST_DEPLOYMENT"]
    yard.unship.rolled_back(newer)
    reason = reasons(yard, executionId=execution)["NOT_LATEST_DEPLOYMENT"]
    assert "and was rolled back" in reason["message"]
    assert "Run the pipeline" in reason["remedy"]


def test_an_unsupported_deployment_type_runs_and_is_shown_and_is_refused(yards: Callable[..., Yard]) -> None:
    yard = yards("carriers", type="CarrierPigeon")
    yard.apply(yard.stage("prod", steps=[script("fly", "echo <+artifact.tag>")], undo_=[script("home", "true")]))
    execution = yard.deploy(NEW)
    assert output(yard.unship, execution, "prod", "fly") == NEW
    shown = yard.unship.data(
        "query ($s: String!) { service(identifier: $s) { deploymentType instanceCount environments "
        "{ environment { identifier } lastExecution { id } } } }",
        s=yard.name,
    )["service"]
    assert shown["deploymentType"] == "CUSTOM"
    assert shown["environments"][0]["lastExecution"] == {"id": execution}
    reason = reasons(yard, executionId=execution)["DEPLOYMENT_TYPE_UNSUPPORTED"]
    assert "CarrierPigeon" in reason["message"]
    assert refused(yard, executionId=execution) == ["DEPLOYMENT_TYPE_UNSUPPORTED"]
    assert yard.unship.plan(executionId=execution)["stages"][0]["changes"] is None


def test_no_rollback_steps_for_what_deploys_nothing(yard: Yard) -> None:
    execution = deployed(yard, when={"condition": '<+pipeline.variables.tag> == "nothing"'})
    assert refused(yard, executionId=execution) == ["NO_ROLLBACK_STEPS"]
    assert refused(yard, stageIds=[yard.stage_id(execution)]) == ["NO_ROLLBACK_STEPS"]


def test_rollback_in_progress_names_it(yard: Yard, gate: Gate) -> None:
    execution = deployed(yard, undo_=[gate.step(), undo()])
    rollback = yard.unship.roll_back(target={"executionId": execution})["execution"]["id"]
    until_running(yard.unship, rollback, "gate")
    first, second = (one["id"] for one in yard.instances())
    reason = reasons(yard, executionId=execution)["ROLLBACK_IN_PROGRESS"]
    assert "rollback #3" in reason["message"]
    assert reason["execution"] == {"id": rollback}
    second_click = yard.unship.roll_back(target={"executionId": execution})
    assert second_click["execution"] is None
    assert [one["execution"] for one in second_click["eligibility"]["reasons"]] == [{"id": rollback}]
    assert refused(yard, instanceId=first) == refused(yard, instanceId=second) == ["ROLLBACK_IN_PROGRESS"]
    gate.open()
    assert yard.unship.finish(rollback) == "SUCCEEDED"
    assert refused(yard, executionId=execution) == ["ALREADY_ROLLED_BACK"]
    reason = reasons(yard, executionId=execution)["ALREADY_ROLLED_BACK"]
    assert "rollback #3" in reason["message"]
    assert reason["execution"] == {"id": rollback}


def test_no_previous_deployment_when_nothing_ran_there(yard: Yard) -> None:
    yard.apply(yard.stage("prod"))
    execution = yard.deploy(OLD)
    assert refused(yard, executionId=execution) == ["NO_PREVIOUS_DEPLOYMENT"]
    assert yard.tags() == [OLD, OLD]


def test_nothing_to_change_is_a_warning_where_the_same_ran_there(yard: Yard) -> None:
    """A bad version deployed twice: the rollback can run, and would leave it where it is."""
    yard.apply(yard.stage("prod"))
    yard.deploy(OLD)
    execution = yard.deploy(OLD)
    assert yard.unship.eligibility(executionId=execution)["verdict"] == "ELIGIBLE_WITH_WARNINGS"
    warning = reasons(yard, executionId=execution)["NOTHING_TO_CHANGE"]
    assert warning["severity"] == "WARNING"
    assert f"shop/{yard.name}:{OLD}" in warning["message"]
    assert "run the pipeline with the version you want" in warning["remedy"]
    rollback = yard.unship.rolled_back(execution)
    assert yard.unship.stages(rollback) == {"prod": "SKIPPED"}


def test_what_ran_before_unship_knew_it_can_be_gone_back_to(yard: Yard) -> None:
    manifest = MANIFEST.replace("<+artifacts.primary.tag>", "by-hand")
    manifest = manifest.replace("<+artifacts.primary.image>", f"shop/{yard.name}:by-hand")
    yard.apply(yard.stage("prod"))
    yard.kubectl("create", "namespace", yard.namespace())
    yard.kubectl("apply", "-f", "-", stdin=manifest)
    yard.kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    execution = yard.deploy(NEW)
    assert yard.unship.reasons(executionId=execution) == []
    rollback = yard.unship.rolled_back(execution)
    assert yard.unship.execution(rollback)["status"] == "SUCCEEDED"
    assert (yard.tags(), yard.config()) == (["by-hand"] * 2, {"release": "by-hand"})


def test_no_previous_deployment_is_a_warning_where_everything_was_scaled_to_nothing(yard: Yard) -> None:
    yard.apply(yard.stage("prod"))
    yard.deploy(OLD)
    yard.kubectl("scale", "deployment/web", "--replicas=0")
    execution = yard.deploy(NEW)
    assert reasons(yard, executionId=execution)["NO_PREVIOUS_DEPLOYMENT"]["severity"] == "WARNING"


def test_previous_version_unavailable_when_the_way_back_was_deleted(yard: Yard) -> None:
    execution = deployed(yard)
    yard.kubectl("delete", "secret", "--all")
    reason = reasons(yard, executionId=execution)["PREVIOUS_VERSION_UNAVAILABLE"]
    assert reason["severity"] == "BLOCKING"
    assert reason["stage"] == {"identifier": "prod"}
    assert reason["execution"] is None
    assert refused(yard, executionId=execution) == ["PREVIOUS_VERSION_UNAVAILABLE"]


def test_a_pruned_revision_is_a_warning_and_the_rollback_works(yards: Callable[..., Yard]) -> None:
    yard = yards("pruned", manifest=MANIFEST.replace("replicas: 2", "replicas: 2\n  revisionHistoryLimit: 0"))
    execution = deployed(yard)
    reason = reasons(yard, executionId=execution)["PREVIOUS_VERSION_UNAVAILABLE"]
    assert reason["severity"] == "WARNING"
    assert yard.unship.eligibility(executionId=execution)["verdict"] == "ELIGIBLE_WITH_WARNINGS"
    yard.unship.rolled_back(execution)
    assert yard.tags() == [OLD, OLD]


def test_target_busy_names_the_execution_that_holds_it(yard: Yard, gate: Gate) -> None:
    execution = deployed(yard)
    other = f"{yard.name}_other"
    yard.apply_documents(
        yard.pipeline(yard.stage("again", "prod", steps=[gate.step(), rollout()]), identifier=other)
    )
    holder = yard.unship.run(other)
    until_running(yard.unship, holder, "gate")
    reason = reasons(yard, executionId=execution)["TARGET_BUSY"]
    assert f"deployment #1 of pipeline {other}" in reason["message"]
    assert reason["execution"] == {"id": holder}
    assert refused(yard, executionId=execution) == ["TARGET_BUSY"]
    yard.unship.abort(holder)
    gate.open()
    yard.unship.finish(holder)
    assert yard.unship.reasons(executionId=execution) == []


def test_drift_detected_when_somebody_changed_what_runs(yard: Yard) -> None:
    execution = deployed(yard)
    yard.kubectl("set", "image", "deployment/web", f"web=shop/{yard.name}:by-hand")
    yard.kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    verdict = yard.unship.eligibility(executionId=execution)
    assert verdict["verdict"] == "ELIGIBLE_WITH_WARNINGS"
    drift = reasons(yard, executionId=execution)["DRIFT_DETECTED"]
    assert (drift["severity"], drift["stage"]) == ("WARNING", {"identifier": "prod"})
    assert f"expected shop/{yard.name}:{NEW}" in drift["message"]
    assert f"found shop/{yard.name}:by-hand" in drift["message"]
    yard.unship.rolled_back(execution)
    assert yard.tags() == [OLD, OLD]


def test_drift_detected_when_a_floating_tag_moved(yard: Yard) -> None:
    execution = deployed(yard)
    moved = yard.world.images.move(f"shop/{yard.name}:{NEW}")
    yard.kubectl("delete", "pod", "--all")
    yard.kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    assert moved in reasons(yard, executionId=execution)["DRIFT_DETECTED"]["message"]


def test_expression_unresolved_only_for_steps_that_would_run(yard: Yard) -> None:
    never = {"condition": '<+pipeline.variables.tag> == "nothing"'}
    lost = 'echo "<+steps.maybe.output.outputVariables.NAME>"'
    steps = [rollout(), script("maybe", "NAME=found", outputs=("NAME",), when=never)]
    execution = deployed(yard, steps=steps, undo_=[undo(), script("tell", lost, when=never)])
    assert yard.unship.reasons(executionId=execution) == []
    yard.apply(yard.stage("prod", steps=steps, undo_=[undo(), script("tell", lost)]))
    execution = yard.deploy(NEXT)
    reason = reasons(yard, executionId=execution)["EXPRESSION_UNRESOLVED"]
    assert "<+steps.maybe.output.outputVariables.NAME>" in reason["message"]
    assert '"tell"' in reason["message"]
    assert refused(yard, executionId=execution) == ["EXPRESSION_UNRESOLVED"]


@pytest.fixture(scope="module")
def mixed(yards: Callable[..., Yard]) -> tuple[Yard, str]:
    """An execution with a stage that can be rolled back, and one that cannot for two reasons."""
    yard = yards("mixed")
    broken = [script("tell", 'echo "<+steps.nobody.output.outputVariables.NAME>"')]
    yard.apply(yard.stage("prod"), environments=BOTH)
    yard.deploy(OLD)
    yard.apply(yard.stage("staging", undo_=broken), yard.stage("prod"), environments=BOTH)
    return yard, yard.deploy(NEW)


def test_several_reasons_at_once_each_with_its_stage(mixed: tuple[Yard, str]) -> None:
    yard, execution = mixed
    found = yard.unship.eligibility(executionId=execution)["reasons"]
    assert [(reason["code"], reason["stage"]["identifier"]) for reason in found] == [
        ("NO_PREVIOUS_DEPLOYMENT", "staging"),
        ("EXPRESSION_UNRESOLVED", "staging"),
    ]
    assert refused(yard, executionId=execution) == ["NO_PREVIOUS_DEPLOYMENT", "EXPRESSION_UNRESOLVED"]
    assert all(reason["remedy"] for reason in found)


def test_narrowing_the_scope_to_the_stages_that_can(mixed: tuple[Yard, str]) -> None:
    yard, execution = mixed
    assert yard.unship.reasons(stageIds=[yard.stage_id(execution, "prod")]) == []
    assert len(refused(yard, "staging", stageIds=[yard.stage_id(execution, "staging")])) == 2
    by_environment = {name: yard.instances(name)[0]["id"] for name in BOTH}
    assert yard.unship.reasons(instanceId=by_environment["prod"]) == []
    assert len(refused(yard, "staging", instanceId=by_environment["staging"])) == 2
    payload = yard.unship.roll_back(target={"instanceId": by_environment["prod"]})
    yard.unship.finish(payload["execution"]["id"])
    assert (yard.tags("prod"), yard.tags("staging")) == ([OLD, OLD], [NEW, NEW])


def test_stages_of_two_executions_or_of_none_are_not_found(yard: Yard) -> None:
    execution = deployed(yard)
    first = executions_of(yard.unship, yard.name)[-1]["id"]
    stages = [yard.stage_id(execution), yard.stage_id(first)]
    with nothing_happens(yard):
        payload = yard.unship.roll_back(target={"stageIds": stages})
    assert [error["code"] for error in payload["userErrors"]] == ["NOT_FOUND"]
