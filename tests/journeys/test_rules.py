"""The ten documented rules of post-deployment rollback, each proved through /graphql at the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.yard import (
    BAD,
    NEW,
    NEXT,
    OLD,
    Gate,
    Yard,
    nothing_happens,
    on_failure,
    output,
    refused,
    rollout,
    script,
    steps_of,
    together,
    undo,
    until_running,
)
from tests.support.unship import Unship, serving


def test_rule_1_only_the_five_deployment_types(yards: Callable[..., Yard]) -> None:
    """Any other type is stored, runs its generic steps and is shown, and is refused with a reason."""
    kubernetes, pigeon = yards("typed"), yards("pigeons", type="Pigeon")
    kubernetes.apply(kubernetes.stage("prod"))
    kubernetes.deploy(OLD)
    assert kubernetes.unship.reasons(executionId=kubernetes.deploy(NEW)) == []
    pigeon.apply(pigeon.stage("prod", steps=[script("fly", "echo away")], undo_=[script("home", "echo back")]))
    flown = pigeon.deploy()
    assert output(pigeon.unship, flown, "prod", "fly") == "away"
    assert refused(pigeon, executionId=flown) == ["DEPLOYMENT_TYPE_UNSUPPORTED"]


@pytest.fixture
def switched_off(connectors: Path, tmp_path: Path) -> Iterator[Unship]:
    with serving(tmp_path, connectors=str(connectors), post_prod_rollback="false") as unship:
        yield unship


def test_rule_2_behind_a_feature_flag(switched_off: Unship, yard: Yard) -> None:
    off = Yard(yard.name, switched_off, yard.world)
    off.apply(off.stage("prod"))
    off.deploy(OLD)
    execution = off.deploy(NEW)
    stage = off.stage_id(execution)
    instance = off.instances()[0]["id"]
    targets: list[dict[str, Any]] = [{"executionId": execution}, {"stageIds": [stage]}, {"instanceId": instance}]
    for target in targets:
        assert refused(off, **target) == ["FEATURE_DISABLED"]
    assert off.tags() == [NEW, NEW]


FATES = 'case "<+pipeline.variables.fate>" in *{}*) exit 1;; esac'


@pytest.fixture(scope="module")
def fates(yards: Callable[..., Yard]) -> Yard:
    """A pipeline whose variable `fate` says which of its scripts fail: `first` is ignored, `second` is not."""
    yard = yards("fates")
    steps = [
        rollout(),
        script("first", FATES.format("ignored"), failureStrategies=on_failure("Ignore")),
        script("second", FATES.format("failed")),
    ]
    fate = {"name": "fate", "type": "String", "value": "good"}
    yard.apply(yard.stage("prod", steps=steps), variables=[fate])
    yard.deploy(OLD)
    return yard


def test_rule_3_only_a_successful_deployment(fates: Yard) -> None:
    execution, status = fates.ran(NEW, fate="failed")
    assert status == "FAILED"
    assert refused(fates, executionId=execution) == ["EXECUTION_NOT_SUCCESSFUL"]


def test_rule_3_success_with_ignored_failures_is_not_success(fates: Yard) -> None:
    execution, status = fates.ran(NEW, fate="ignored")
    assert status == "SUCCEEDED_WITH_IGNORED_FAILURES"
    assert refused(fates, executionId=execution) == ["EXECUTION_NOT_SUCCESSFUL"]


def test_rule_3_a_deployment_that_runs_or_was_aborted_is_refused(yard: Yard, gate: Gate) -> None:
    yard.apply(yard.stage("prod", steps=[rollout(), gate.step(), script("never", "true")]))
    execution = yard.run(OLD)
    until_running(yard.unship, execution, "gate")
    assert refused(yard, executionId=execution) == ["EXECUTION_NOT_SUCCESSFUL"]
    yard.unship.abort(execution)
    gate.open()
    assert yard.unship.finish(execution) == "ABORTED"
    assert refused(yard, executionId=execution) == ["EXECUTION_NOT_SUCCESSFUL"]


def test_rule_4_only_the_most_recent_successful_deployment(yard: Yard) -> None:
    yard.apply(yard.stage("prod"))
    yard.deploy(OLD)
    older, newer = yard.deploy(NEW), yard.deploy(NEXT)
    reason = yard.unship.eligibility(executionId=older)["reasons"][0]
    assert reason["code"] == "NOT_LATEST_DEPLOYMENT"
    assert "deployment #3 of pipeline" in reason["message"]
    assert refused(yard, executionId=older) == ["NOT_LATEST_DEPLOYMENT"]
    yard.unship.rolled_back(newer)
    assert yard.tags() == [NEW, NEW]
    assert refused(yard, executionId=older) == ["NOT_LATEST_DEPLOYMENT"]


def test_rule_4_a_newer_failed_run_changes_nothing_but_shows_as_drift(yard: Yard) -> None:
    yard.world.images.bad(f"{yard.name}:{BAD}")
    yard.apply(yard.stage("prod"))
    yard.deploy(OLD)
    latest = yard.deploy(NEW)
    _, status = yard.ran(BAD)
    assert status == "FAILED"
    verdict = yard.unship.eligibility(executionId=latest)
    assert verdict["verdict"] == "ELIGIBLE_WITH_WARNINGS"
    assert "DRIFT_DETECTED" in {reason["code"] for reason in verdict["reasons"]}
    rollback = yard.unship.rolled_back(latest)
    assert yard.unship.execution(rollback)["status"] == "SUCCEEDED"
    assert yard.tags() == [OLD, OLD]


def test_rule_5_only_the_declared_rollback_steps_run(yard: Yard) -> None:
    declared = [script("before", "true"), undo(), script("after", "true")]
    yard.apply(yard.stage("prod", undo_=declared), yard.stage("bare", undo_=[]), environments=("prod", "bare"))
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    assert refused(yard, "bare", executionId=execution) == ["NO_ROLLBACK_STEPS"]
    reason = yard.unship.eligibility(executionId=execution)["reasons"][0]
    assert reason["stage"] == {"identifier": "bare"}
    payload = yard.unship.roll_back(target={"stageIds": [yard.stage_id(execution)]})
    rollback = payload["execution"]["id"]
    assert yard.unship.finish(rollback) == "SUCCEEDED"
    assert list(steps_of(yard.unship, rollback)) == ["before", "undo", "after"]
    assert (yard.tags("prod"), yard.tags("bare")) == ([OLD, OLD], [NEW, NEW])


def test_rule_6_the_same_execution_cannot_be_rolled_back_twice(yard: Yard) -> None:
    yard.apply(yard.stage("prod"))
    yard.deploy(OLD)
    first = yard.deploy(NEW)
    rollback = yard.unship.rolled_back(first)
    assert refused(yard, executionId=first) == ["ALREADY_ROLLED_BACK"]
    assert refused(yard, stageIds=[yard.stage_id(first)]) == ["ALREADY_ROLLED_BACK"]
    assert refused(yard, executionId=rollback) == ["NOT_A_DEPLOYMENT"]
    again = yard.deploy(NEW)
    yard.unship.rolled_back(again)
    assert yard.tags() == [OLD, OLD]


def test_rule_7_the_yaml_is_the_one_of_the_execution(yard: Yard) -> None:
    yard.apply(yard.stage("prod", undo_=[undo(), script("say", "echo as it was")]))
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    frozen = yard.unship.execution(execution)["yaml"]
    yard.apply(yard.stage("other", "prod", undo_=[script("say", "echo edited")]))
    rollback = yard.unship.rolled_back(execution)
    assert output(yard.unship, rollback, "prod", "say") == "as it was"
    assert yard.unship.execution(rollback)["yaml"] == frozen
    assert yard.tags() == [OLD, OLD]


def test_rule_8_expressions_resolve_to_the_recorded_values(yards: Callable[..., Yard]) -> None:
    words = (
        "<+pipeline.variables.greeting> <+serviceVariables.mood> <+steps.make.output.outputVariables.BUILD> "
        "<+pipeline.stages.prod.spec.execution.steps.rollout.output.releaseNumber> "
        "<+pipeline.originalExecution.sequenceId> <+pipeline.sequenceId> <+artifact.tag> <+rollbackArtifact.tag>"
    )
    steps = [script("make", "BUILD=<+pipeline.sequenceId>-made", outputs=("BUILD",)), rollout()]
    greeting = {"name": "greeting", "type": "String", "value": "hello"}
    yard = yards("recorded", variables={"mood": "happy"})
    stage = yard.stage("prod", steps=steps, undo_=[undo(), script("say", f'echo "{words}"')])
    yard.apply(stage, variables=[greeting])
    yard.deploy(OLD)
    execution = yard.deploy(NEW, greeting="howdy")
    yards("recorded", variables={"mood": "sad"}).apply(stage, variables=[{**greeting, "value": "goodbye"}])
    rollback = yard.unship.rolled_back(execution)
    assert output(yard.unship, rollback, "prod", "say") == f"howdy happy 2-made 2 2 3 {NEW} {OLD}"


def test_rule_9_stages_roll_back_in_reverse_and_parallel_ones_together(yard: Yard) -> None:
    never = {"pipelineStatus": "Success", "condition": '<+pipeline.variables.tag> == "nothing"'}
    yard.apply(
        yard.stage("one"),
        together(yard.stage("left"), yard.stage("right")),
        yard.stage("never", when=never),
        yard.stage("last"),
        environments=("one", "left", "right", "never", "last"),
    )
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    plan = yard.unship.plan(executionId=execution)
    rollback = yard.unship.rolled_back(execution)
    stages = yard.unship.execution(rollback)["stages"]
    order = [(stage["identifier"], stage["position"]) for stage in stages]
    assert order == [("last", 0), ("left", 1), ("right", 1), ("one", 2)]
    assert [(item["stage"]["identifier"], item["position"]) for item in plan["stages"]] == order
    begun = [event["stage"]["identifier"] for event in yard.unship.events(rollback) if event.get("stageStatus")]
    assert begun.index("left") > _last(begun, "last")
    assert begun.index("one") > max(_last(begun, "left"), _last(begun, "right"))


def _last(values: list[str], value: str) -> int:
    return len(values) - 1 - values[::-1].index(value)


def test_rule_10_afterwards_everything_is_as_before(yard: Yard) -> None:
    yard.apply(yard.stage("prod"))
    yard.deploy(OLD)
    before = (yard.tags(), yard.config(), _shown(yard))
    execution = yard.deploy(NEW)
    assert (yard.tags(), yard.config()) == ([NEW, NEW], {"release": NEW})
    rollback = yard.unship.rolled_back(execution)
    assert (yard.tags(), yard.config(), _shown(yard)) == before
    stage = yard.unship.execution(rollback)["stages"][0]
    assert stage["status"] == "SUCCEEDED"
    assert stage["statusReason"].startswith(
        f"Restored and verified: 2 of Deployment/web at shop/{yard.name}:{OLD}"
    )
    with nothing_happens(yard):
        assert yard.unship.reasons(instanceId=yard.instances()[0]["id"]) == ["NOT_A_DEPLOYMENT"]


def _shown(yard: Yard) -> list[tuple[str, str, str]]:
    """Tag, digest and health of each instance, as the dashboard has them."""
    return sorted((one["artifact"]["tag"], one["artifact"]["digest"], one["health"]) for one in yard.instances())
