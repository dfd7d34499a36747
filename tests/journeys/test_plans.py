"""What a rollback will do is shown before, is what happens, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.journeys.yard import (
    BAD,
    NEW,
    NEXT,
    OLD,
    Gate,
    Yard,
    executions_of,
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

NEVER = {"condition": '<+pipeline.variables.tag> == "nothing"'}
ALWAYS = {"condition": '<+pipeline.variables.tag> != "nothing"'}


def order(plan: dict[str, Any]) -> list[tuple[str, int]]:
    return [(stage["stage"]["identifier"], stage["position"]) for stage in plan["stages"]]


def ran(yard: Yard, execution: str) -> list[tuple[str, int]]:
    stages = yard.unship.execution(execution)["stages"]
    return [(stage["identifier"], stage["position"]) for stage in stages]


def begin(yard: Yard, **request: Any) -> str:
    """Start a rollback that must be accepted."""
    payload = yard.unship.roll_back(**request)
    assert payload["userErrors"] == [], payload
    execution: str = payload["execution"]["id"]
    return execution


def test_a_parallel_block_without_the_member_that_never_ran(yard: Yard) -> None:
    yard.apply(
        together(yard.stage("left"), yard.stage("right", when=NEVER)),
        yard.stage("last", when=NEVER),
        environments=("left", "right", "last"),
    )
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    assert yard.unship.stages(execution) == {"left": "SUCCEEDED", "right": "SKIPPED", "last": "SKIPPED"}
    assert order(yard.unship.plan(executionId=execution)) == [("left", 0)]
    assert ran(yard, yard.unship.rolled_back(execution)) == [("left", 0)]
    assert yard.tags("left") == [OLD, OLD]


def test_a_matrix_is_narrowed_to_the_combinations_that_ran(yard: Yard) -> None:
    """One stage for three environments, of which a condition lets two run; one instance names one of them."""
    places = ("north", "south", "west")
    stage = yard.stage(
        "everywhere",
        "<+matrix.place>",
        strategy={"matrix": {"place": [yard.environment(place) for place in places], "maxConcurrency": 1}},
        when={"condition": f'<+matrix.place> != "{yard.environment("west")}"'},
    )
    yard.apply(stage, environments=places)
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    assert order(yard.unship.plan(executionId=execution)) == [("everywhere_1", 0), ("everywhere_0", 1)]
    one = yard.instances("south")[0]["id"]
    assert order(yard.unship.plan(instanceId=one)) == [("everywhere_1", 0)]
    rollback = begin(yard, target={"instanceId": one})
    assert yard.unship.finish(rollback) == "SUCCEEDED"
    assert (yard.tags("north"), yard.tags("south")) == ([NEW, NEW], [OLD, OLD])
    assert refused(yard, "south", executionId=execution) == ["ALREADY_ROLLED_BACK"]
    begin(yard, target={"stageIds": [yard.stage_id(execution, "everywhere_0")]})


def test_conditions_count_with_recorded_values_and_status_conditions_do_not(yard: Yard) -> None:
    """Rollback steps are written for failures: in a rollback they run whatever status they are limited to."""
    steps = [rollout(), script("make", "MADE=yes", outputs=("MADE",))]
    back = [
        undo(when={"stageStatus": "Failure"}),
        script("on_success", "true", when={"stageStatus": "Success"}),
        script("if_made", "true", when={"condition": '<+steps.make.output.outputVariables.MADE> == "yes"'}),
        script("if_not", "true", when={"stageStatus": "All", **NEVER}),
    ]
    yard.apply(yard.stage("prod", steps=steps, undo_=back, when={"pipelineStatus": "All", **ALWAYS}))
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    shown = yard.unship.plan(executionId=execution)["stages"][0]
    assert shown["skippedReason"] is None
    assert [step["willRun"] for step in shown["steps"]] == [True, True, True, False]
    assert "condition" in shown["steps"][3]["skippedReason"]
    rollback = yard.unship.rolled_back(execution)
    assert list(steps_of(yard.unship, rollback).values()) == ["SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "SKIPPED"]
    assert yard.tags() == [OLD, OLD]


def test_a_stage_without_rollback_steps_blocks_the_whole_and_not_the_others(yard: Yard) -> None:
    yard.apply(yard.stage("prod"), yard.stage("bare", undo_=[]), environments=("prod", "bare"))
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    plan = yard.unship.plan(executionId=execution)
    assert plan["eligibility"]["verdict"] == "INELIGIBLE"
    assert plan["stages"][0]["steps"] == []
    assert order(yard.unship.plan(stageIds=[yard.stage_id(execution)])) == [("prod", 0)]


@pytest.fixture(scope="module")
def shown(yards: Callable[..., Yard]) -> tuple[Yard, str, dict[str, Any]]:
    """A yard with a deployment that can be rolled back, and the plan for it."""
    yard = yards("shown")
    yard.apply(yard.stage("prod"))
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    return yard, execution, yard.unship.plan(executionId=execution)


def test_the_plan_says_from_what_to_what_and_changes_nothing(shown: tuple[Yard, str, dict[str, Any]]) -> None:
    yard, execution, plan = shown
    stage = plan["stages"][0]
    assert stage["currentArtifact"]["displayName"] == f"shop/{yard.name}:{NEW}"
    assert stage["targetArtifact"]["displayName"] == f"shop/{yard.name}:{OLD}"
    changes = {(change["resource"], change["current"], change["target"]) for change in stage["changes"]}
    assert ("Deployment/web", f"shop/{yard.name}:{NEW}", f"shop/{yard.name}:{OLD}") in changes
    assert ("ConfigMap/settings", NEW, OLD) in changes
    with nothing_happens(yard):
        assert yard.unship.plan(executionId=execution) == plan


def test_plan_stale_when_the_world_moved_and_nothing_happens(shown: tuple[Yard, str, dict[str, Any]]) -> None:
    yard, execution, plan = shown
    yard.kubectl("set", "image", "deployment/web", f"web=shop/{yard.name}:by-hand")
    yard.kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    with nothing_happens(yard):
        payload = yard.unship.roll_back(target={"executionId": execution}, planHash=plan["hash"])
    assert payload["execution"] is None
    assert [(error["code"], error["path"]) for error in payload["userErrors"]] == [("PLAN_STALE", ["planHash"])]
    renewed = yard.unship.plan(executionId=execution)
    assert renewed["hash"] != plan["hash"]
    changed = {change["current"] for change in renewed["stages"][0]["changes"]}
    assert f"shop/{yard.name}:by-hand" in changed
    rollback = begin(yard, target={"executionId": execution}, planHash=renewed["hash"])
    assert yard.unship.finish(rollback) == "SUCCEEDED"
    assert yard.tags() == [OLD, OLD]


def test_the_preview_is_what_happened(shown: tuple[Yard, str, dict[str, Any]]) -> None:
    yard, _, _ = shown
    execution = yard.deploy(NEXT)
    plan = yard.unship.plan(executionId=execution)
    rollback = begin(yard, target={"executionId": execution}, planHash=plan["hash"])
    yard.unship.finish(rollback)
    assert ran(yard, rollback) == order(plan)
    done = steps_of(yard.unship, rollback)
    assert [(step["identifier"], step["willRun"]) for step in plan["stages"][0]["steps"]] == [
        (identifier, status == "SUCCEEDED") for identifier, status in done.items()
    ]
    assert yard.config() == {"release": OLD}
    assert yard.unship.plan(executionId=execution)["stages"][0]["changes"] == []


def test_back_to_what_was_really_there_not_to_the_failed_release_between(yard: Yard) -> None:
    """v1 runs, a release between fails and leaves a half-done rollout, v2 runs: back from v2 leads to v1."""
    yard.world.images.bad(f"{yard.name}:{BAD}")
    yard.apply(yard.stage("prod"))
    yard.deploy(OLD)
    assert yard.ran(BAD)[1] == "FAILED"
    execution = yard.deploy(NEW)
    plan = yard.unship.plan(executionId=execution)["stages"][0]
    assert plan["targetArtifact"]["displayName"] == f"shop/{yard.name}:{OLD}"
    rollback = yard.unship.rolled_back(execution)
    assert yard.unship.execution(rollback)["status"] == "SUCCEEDED"
    assert (yard.tags(), yard.config()) == ([OLD, OLD], {"release": OLD})


def test_expressions_may_read_a_stage_that_is_not_rolled_back(yard: Yard) -> None:
    read = "<+pipeline.stages.first.spec.execution.steps.make.output.outputVariables.NAME>"
    first = yard.stage("first", steps=[script("make", "NAME=first-<+artifact.tag>", outputs=("NAME",)), rollout()])
    second = yard.stage("second", undo_=[undo(), script("say", f'echo "{read}"')])
    yard.apply(first, second, environments=("first", "second"))
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    rollback = begin(yard, target={"stageIds": [yard.stage_id(execution, "second")]})
    assert yard.unship.finish(rollback) == "SUCCEEDED"
    assert output(yard.unship, rollback, "second", "say") == f"first-{NEW}"
    assert (yard.tags("first"), yard.tags("second")) == ([NEW, NEW], [OLD, OLD])


def three(yard: Yard, *middle: Any) -> str:
    """Stages one, two and three deployed twice; `middle` are the rollbackSteps of the second."""
    names = ("one", "two", "three")
    stages = [yard.stage(name, undo_=list(middle) if name == "two" else None) for name in names]
    yard.apply(*stages, environments=names)
    yard.deploy(OLD)
    return yard.deploy(NEW)


def rollback_statuses(yard: Yard, execution: str) -> dict[str, str]:
    found = yard.unship.data(
        "query ($id: ID!) { execution(id: $id) { rollbackStatus stages { identifier rollbackStatus } } }",
        id=execution,
    )["execution"]
    own = {stage["identifier"]: stage["rollbackStatus"] for stage in found["stages"]}
    return {"whole": found["rollbackStatus"], **own}


def test_a_part_that_is_rolled_back_is_told_apart_from_what_is_left(yard: Yard) -> None:
    execution = three(yard, undo())
    rollback = begin(yard, target={"stageIds": [yard.stage_id(execution, "three")]})
    assert yard.unship.finish(rollback) == "SUCCEEDED"
    assert rollback_statuses(yard, execution) == {
        "whole": "SUCCESS",
        "one": "NOT_STARTED",
        "two": "NOT_STARTED",
        "three": "SUCCESS",
    }
    (refusal,) = yard.unship.eligibility(executionId=execution)["reasons"]
    assert refusal["code"] == "ALREADY_ROLLED_BACK"
    assert refusal["remedy"] == 'Narrow this rollback to what is left: "one", "two".'
    first = executions_of(yard.unship, yard.name)[-1]["id"]
    reasons = yard.unship.eligibility(executionId=first)["reasons"]
    remedies = [reason["remedy"] for reason in reasons if reason["code"] == "NOT_LATEST_DEPLOYMENT"]
    instead = f"Roll back deployment #2 of pipeline {yard.name} instead."
    assert remedies == [instead, instead, "Run the pipeline with the version you want."]
    rest = [yard.stage_id(execution, identifier) for identifier in ("one", "two")]
    assert yard.unship.finish(begin(yard, target={"stageIds": rest})) == "SUCCEEDED"
    assert set(rollback_statuses(yard, execution).values()) == {"SUCCESS"}


def test_a_failed_rollback_is_tried_again_and_nothing_is_undone_twice(yard: Yard, gate: Gate) -> None:
    execution = three(yard, undo(), script("check", f"[ -e '{gate.path}' ]"))
    failed = yard.unship.rolled_back(execution)
    assert yard.unship.stages(failed) == {"three": "SUCCEEDED", "two": "FAILED", "one": "ABANDONED"}
    assert yard.unship.execution(failed)["status"] == "FAILED"
    ends = {"whole": "FAILURE", "one": "FAILURE", "two": "FAILURE", "three": "SUCCESS"}
    assert rollback_statuses(yard, execution) == rollback_statuses(yard, failed) == ends
    shown = yard.unship.execution(failed)["stages"]
    assert [stage["artifact"] and stage["artifact"]["tag"] for stage in shown] == [OLD, OLD, None]
    assert refused(yard, "three", stageIds=[yard.stage_id(execution, "three")]) == ["ALREADY_ROLLED_BACK"]
    shown = [{one["rollbackStatus"] for one in yard.instances(name)} for name in ("one", "two", "three")]
    assert shown == [{"FAILURE"}, {"FAILURE"}, {"SUCCESS"}], "each by what became of its own stage"
    assert yard.unship.reasons(instanceId=yard.instances("one")[0]["id"]) == []
    plan = yard.unship.plan(executionId=execution)
    assert "nothing is undone twice" in plan["stages"][0]["skippedReason"]
    assert plan["stages"][0]["currentArtifact"] == plan["stages"][0]["targetArtifact"]
    gate.open()
    mark = yard.world.requests.mark
    again = begin(yard, target={"executionId": execution}, planHash=plan["hash"])
    assert yard.unship.finish(again) == "SUCCEEDED"
    assert list(yard.unship.stages(again)) == ["two", "one"]
    assert yard.writes(mark, "three") == []
    assert [yard.tags(name) for name in ("one", "two", "three")] == [[OLD, OLD]] * 3
    assert set(rollback_statuses(yard, execution).values()) == {"SUCCESS"}
    assert [one["status"] for one in yard.unship.execution(execution)["rollbacks"]] == ["FAILED", "SUCCEEDED"]
    assert {one["rollbackStatus"] for one in yard.instances("three")} == {"SUCCESS"}
    assert set(refused(yard, "one", executionId=execution)) == {"ALREADY_ROLLED_BACK"}


def test_an_aborted_rollback_is_tried_again_from_an_instance(yard: Yard, gate: Gate) -> None:
    execution = three(yard, gate.step(), undo())
    rollback = begin(yard, target={"executionId": execution})
    until_running(yard.unship, rollback, "gate")
    yard.unship.abort(rollback)
    gate.open()
    assert yard.unship.finish(rollback) == "ABORTED"
    assert yard.unship.stages(rollback) == {"three": "SUCCEEDED", "two": "ABORTED", "one": "ABANDONED"}
    assert rollback_statuses(yard, execution) == {
        "whole": "FAILURE",
        "one": "FAILURE",
        "two": "FAILURE",
        "three": "SUCCESS",
    }
    again = begin(yard, target={"instanceId": yard.instances("two")[0]["id"]})
    assert yard.unship.finish(again) == "SUCCEEDED"
    assert list(yard.unship.stages(again)) == ["two"]
    assert rollback_statuses(yard, execution) == {
        "whole": "FAILURE",
        "one": "FAILURE",
        "two": "SUCCESS",
        "three": "SUCCESS",
    }
    last = begin(yard, target={"stageIds": [yard.stage_id(execution, "one")]})
    assert yard.unship.finish(last) == "SUCCEEDED"
    assert set(rollback_statuses(yard, execution).values()) == {"SUCCESS"}


def test_parallel_siblings_finish_before_a_failure_stops_the_rollback(yard: Yard) -> None:
    bad = yard.stage("bad", undo_=[script("fail", "exit 1"), undo()])
    yard.apply(yard.stage("first"), together(bad, yard.stage("good")), environments=("first", "bad", "good"))
    yard.deploy(OLD)
    rollback = yard.unship.rolled_back(yard.deploy(NEW))
    assert yard.unship.stages(rollback) == {"bad": "FAILED", "good": "SUCCEEDED", "first": "ABANDONED"}
    assert steps_of(yard.unship, rollback, "bad") == {"fail": "FAILED", "undo": "ABANDONED"}
    assert (yard.tags("bad"), yard.tags("good")) == ([NEW, NEW], [OLD, OLD])


@pytest.mark.parametrize(
    ("action", "status", "stage"),
    [
        ("Ignore", "SUCCEEDED_WITH_IGNORED_FAILURES", "SUCCEEDED_WITH_IGNORED_FAILURES"),
        ("Abort", "ABORTED", "ABORTED"),
        ("Retry", "FAILED", "FAILED"),
    ],
)
def test_failure_strategies_of_rollback_steps_are_honoured(
    yard: Yard, tmp_path: Path, action: str, status: str, stage: str
) -> None:
    tries = tmp_path / "tries"
    spec = {"retryCount": 2, "retryIntervals": ["1s"]} if action == "Retry" else None
    fails = script("fails", f"echo try >> '{tries}'; exit 1", failureStrategies=on_failure(action, spec))
    yard.apply(yard.stage("prod", undo_=[undo(), fails], failureStrategies=on_failure("MarkAsSuccess")))
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    rollback = yard.unship.rolled_back(execution)
    assert yard.unship.execution(rollback)["status"] == status
    assert yard.unship.stages(rollback) == {"prod": stage}
    assert len(tries.read_text().splitlines()) == (3 if action == "Retry" else 1)
    assert yard.tags() == [OLD, OLD]
    verdict = (
        refused(yard, executionId=execution) if action == "Ignore" else yard.unship.reasons(executionId=execution)
    )
    assert verdict == (["ALREADY_ROLLED_BACK"] if action == "Ignore" else ["DRIFT_DETECTED"])


def test_stage_rollback_inside_rollback_steps_is_refused_when_it_is_loaded(yard: Yard) -> None:
    again = undo(failureStrategies=on_failure("StageRollback"))
    document = yaml.safe_dump_all(
        [yard.service(), *yard.places(("prod",)), yard.pipeline(yard.stage("prod", undo_=[again]))]
    )
    assert [error["code"] for error in yard.unship.apply(document)] == ["STAGE_ROLLBACK_IN_ROLLBACK_STEPS"]
