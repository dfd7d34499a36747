"""Forward runs: failure strategies, timeouts, conditions, parallel steps, variables and outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.yard import (
    NEW,
    OLD,
    Entry,
    Gate,
    Yard,
    custom,
    group,
    on_failure,
    output,
    rollout,
    script,
    step,
    steps_of,
    together,
    undo,
    until_running,
)

FAIL = "echo oops >&2; exit 1"


def run_steps(yard: Yard, *steps: Entry, **stage: Any) -> tuple[str, str]:
    """Run a pipeline of one stage that deploys nothing; the execution and its status."""
    yard.apply(custom("only", *steps, **stage))
    return yard.ran()


def statuses(yard: Yard, execution: str, stage: str = "only") -> list[str]:
    return list(steps_of(yard.unship, execution, stage).values())


def test_without_a_strategy_a_failure_ends_the_stage_and_what_follows(yard: Yard) -> None:
    after = {"stageStatus": "Failure"}
    yard.apply(
        custom("only", script("bad", FAIL), script("next", "true"), script("tidy", "true", when=after)),
        custom("second", script("never", "true")),
        custom("rescue", script("help", "true"), when={"pipelineStatus": "Failure"}),
    )
    execution, status = yard.ran()
    assert status == "FAILED"
    assert steps_of(yard.unship, execution, "only") == {"bad": "FAILED", "next": "ABANDONED", "tidy": "SUCCEEDED"}
    assert yard.unship.stages(execution) == {"only": "FAILED", "second": "ABANDONED", "rescue": "SUCCEEDED"}
    assert "oops" in yard.unship.execution(execution)["stages"][0]["statusReason"]


def test_ignore_goes_on_and_the_execution_says_so(yard: Yard) -> None:
    execution, status = run_steps(
        yard, script("bad", FAIL, failureStrategies=on_failure("Ignore")), script("next", "true")
    )
    assert status == "SUCCEEDED_WITH_IGNORED_FAILURES"
    assert statuses(yard, execution) == ["IGNORED_FAILURE", "SUCCEEDED"]


def test_retry_waits_and_tries_again(yard: Yard, tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    attempt = f"echo try >> '{tries}'; [ $(wc -l < '{tries}') -ge 3 ]"
    retry = {"retryCount": 3, "retryIntervals": ["1s"]}
    execution, status = run_steps(yard, script("flaky", attempt, failureStrategies=on_failure("Retry", retry)))
    assert status == "SUCCEEDED"
    assert len(tries.read_text().splitlines()) == 3
    told = [event["message"] for event in yard.unship.events(execution) if "message" in event]
    assert [message[:14] for message in told] == ["Try 1 failed: ", "Try 2 failed: "]
    assert all("Next try in 1 s." in message for message in told)


def test_retries_end_and_then_the_next_action_is_taken(yard: Yard, tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    retry = {
        "retryCount": 1,
        "retryIntervals": ["1s"],
        "onRetryFailure": {"action": {"type": "MarkAsSuccess"}},
    }
    attempt = f"echo try >> '{tries}'; exit 1"
    execution, status = run_steps(yard, script("bad", attempt, failureStrategies=on_failure("Retry", retry)))
    assert (status, statuses(yard, execution)) == ("SUCCEEDED", ["SUCCEEDED"])
    assert len(tries.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("action", "status", "stage", "steps"),
    [
        ("Abort", "ABORTED", "ABORTED", ["FAILED", "ABANDONED"]),
        ("MarkAsFailure", "FAILED", "FAILED", ["FAILED", "ABANDONED"]),
        ("MarkAsSuccess", "SUCCEEDED", "SUCCEEDED", ["SUCCEEDED", "SUCCEEDED"]),
    ],
)
def test_what_a_strategy_makes_of_a_failure(
    yard: Yard, action: str, status: str, stage: str, steps: list[str]
) -> None:
    bad = script("bad", FAIL, failureStrategies=on_failure(action))
    execution, ended = run_steps(yard, bad, script("next", "true"))
    assert ended == status
    assert yard.unship.stages(execution) == {"only": stage}
    assert statuses(yard, execution) == steps


def test_abort_of_the_very_last_step_is_an_abort_too(yard: Yard) -> None:
    execution, status = run_steps(yard, script("bad", FAIL, failureStrategies=on_failure("Abort")))
    assert status == "ABORTED"
    last = [event for event in yard.unship.events(execution) if event.get("executionStatus") == "ABORTED"]
    assert 'Step "bad" failed' in last[0]["reason"]


def test_the_first_strategy_that_names_the_failure_decides(yard: Yard) -> None:
    late = on_failure("Ignore", errors="Timeout") + on_failure("MarkAsFailure")
    slow = script("slow", "sleep 30", timeout="1s", failureStrategies=late)
    execution, status = run_steps(yard, slow, script("bad", FAIL, failureStrategies=late))
    assert (status, statuses(yard, execution)) == ("FAILED", ["IGNORED_FAILURE", "FAILED"])


def test_a_strategy_of_the_stage_or_the_pipeline_is_inherited(yard: Yard) -> None:
    yard.apply(
        custom("first", script("bad", FAIL), failureStrategies=on_failure("MarkAsSuccess")),
        custom("second", script("bad", FAIL)),
        failureStrategies=on_failure("Ignore"),
    )
    execution, status = yard.ran()
    assert status == "SUCCEEDED_WITH_IGNORED_FAILURES"
    assert yard.unship.stages(execution) == {"first": "SUCCEEDED", "second": "SUCCEEDED_WITH_IGNORED_FAILURES"}


def test_stage_rollback_on_a_forward_run_brings_the_target_back(yard: Yard) -> None:
    check = script(
        "check", "echo '<+steps.rollout.output.nothing>'", when={"condition": "<+artifact.tag> == 'v2'"}
    )
    steps = [rollout(), check]
    strategy = on_failure("StageRollback")
    yard.apply(yard.stage("prod", steps=steps, undo_=[undo(), script("say", "true")], failureStrategies=strategy))
    yard.deploy(OLD)
    execution, status = yard.ran(NEW)
    assert status == "FAILED"
    assert list(steps_of(yard.unship, execution)) == ["rollout", "check", "undo", "say"]
    assert statuses(yard, execution, "prod") == ["SUCCEEDED", "FAILED", "SUCCEEDED", "SUCCEEDED"]
    said = "<+steps.rollout.output.nothing> has no value. The stage was rolled back."
    assert yard.unship.execution(execution)["stages"][0]["statusReason"] == said
    assert (yard.tags(), yard.config()) == ([OLD, OLD], {"release": OLD})
    assert {one["artifact"]["tag"] for one in yard.instances()} == {OLD}


def test_stage_rollback_of_a_first_deployment_removes_what_it_made(yard: Yard) -> None:
    steps = [rollout(), script("check", FAIL)]
    yard.apply(yard.stage("prod", steps=steps, failureStrategies=on_failure("StageRollback")))
    _, status = yard.ran()
    assert status == "FAILED"
    assert (yard.tags(), yard.config()) == ([], None)


def test_stage_rollback_has_its_own_time_when_the_stage_ran_out_of_it(yard: Yard) -> None:
    """A stage that timed out has no time left; its rollback must not be cut by that."""
    steps = [rollout(), script("slow", 'if [ "<+artifact.tag>" = v2 ]; then sleep 60; fi')]
    back = [script("breathe", "sleep 1"), undo()]
    strategy = on_failure("StageRollback")
    yard.apply(yard.stage("prod", steps=steps, undo_=back, timeout="10s", failureStrategies=strategy))
    yard.deploy(OLD)
    execution, status = yard.ran(NEW)
    assert status == "FAILED"
    assert statuses(yard, execution, "prod") == ["SUCCEEDED", "FAILED", "SUCCEEDED", "SUCCEEDED"]
    assert yard.tags() == [OLD, OLD]


def test_a_step_ends_at_its_timeout(yard: Yard) -> None:
    execution, status = run_steps(yard, script("slow", "sleep 60", timeout="1s"))
    reason = yard.unship.execution(execution)["stages"][0]["steps"][0]["statusReason"]
    assert (status, statuses(yard, execution)) == ("FAILED", ["FAILED"])
    assert "1 s" in reason


@pytest.mark.parametrize("kind", ["script", "wait"])
def test_a_step_ends_at_the_timeout_of_its_stage(yard: Yard, kind: str) -> None:
    slow = script("slow", "sleep 60") if kind == "script" else step("slow", "Wait", {"duration": "10m"})
    ignored = {"failureStrategies": on_failure("Ignore")}
    slow["step"] |= ignored
    execution, status = run_steps(yard, slow, script("next", "true"), timeout="2s")
    assert (status, statuses(yard, execution)) == ("FAILED", ["IGNORED_FAILURE", "FAILED"])
    steps = yard.unship.execution(execution)["stages"][0]["steps"]
    assert "was over before" in steps[1]["statusReason"]


def test_wait_waits_as_long_as_its_expression_says(yard: Yard) -> None:
    pause = {"name": "pause", "type": "String", "value": "1h"}
    yard.apply(
        custom("only", step("rest", "Wait", {"duration": "<+pipeline.variables.pause>"})), variables=[pause]
    )
    execution, status = yard.ran(pause="1s")
    assert status == "SUCCEEDED"
    assert [event["message"] for event in yard.unship.events(execution) if "message" in event] == ["Waiting 1 s."]
    broken, status = yard.ran(pause="soon")
    assert status == "FAILED"
    assert "duration" in yard.unship.execution(broken)["stages"][0]["steps"][0]["statusReason"]


def test_an_abort_cuts_a_wait_short(yard: Yard) -> None:
    yard.apply(custom("only", step("rest", "Wait", {"duration": "1h"}), script("next", "true")))
    execution = yard.run()
    until_running(yard.unship, execution, "rest")
    yard.unship.abort(execution)
    assert yard.unship.finish(execution) == "ABORTED"
    assert statuses(yard, execution) == ["ABORTED", "ABANDONED"]


def test_parallel_steps_run_at_the_same_time(yard: Yard, tmp_path: Path) -> None:
    """Each waits for the other: one after the other they would never end."""
    left, right = Gate(tmp_path / "left"), Gate(tmp_path / "right")
    meet = "touch '{}'; while [ ! -e '{}' ]; do sleep 0.02; done"
    execution, status = run_steps(
        yard,
        together(
            script("left", meet.format(left.path, right.path)),
            group("side", script("right", meet.format(right.path, left.path)), script("then", "true")),
        ),
        script("after", "true"),
    )
    assert (status, set(statuses(yard, execution))) == ("SUCCEEDED", {"SUCCEEDED"})


def test_parallel_siblings_of_a_failure_finish(yard: Yard) -> None:
    execution, status = run_steps(
        yard, together(script("bad", FAIL), script("slow", "sleep 0.3")), script("next", "true")
    )
    assert (status, statuses(yard, execution)) == ("FAILED", ["FAILED", "SUCCEEDED", "ABANDONED"])


def test_a_step_group_shares_its_condition_and_strategies(yard: Yard) -> None:
    never = {"condition": '<+pipeline.variables.tag> == "nothing"'}
    execution, status = run_steps(
        yard,
        group("left_out", script("one", FAIL), group("deeper", script("two", FAIL)), when=never),
        group("lenient", script("three", FAIL), script("four", "true"), failureStrategies=on_failure("Ignore")),
    )
    assert status == "SUCCEEDED_WITH_IGNORED_FAILURES"
    assert statuses(yard, execution) == ["SKIPPED", "SKIPPED", "IGNORED_FAILURE", "SUCCEEDED"]


def test_outputs_reach_later_steps_and_stages_and_groups(yard: Yard) -> None:
    make = script("make", "NAME='a \"b\" $c'", outputs=("NAME",))
    path = "pipeline.stages.first.spec.execution.steps.{}.output.outputVariables.NAME"
    yard.apply(
        custom(
            "first",
            make,
            group("inside", script("again", "NAME=<+steps.make.output.outputVariables.NAME>!", outputs=("NAME",))),
            script("near", 'echo "<+execution.steps.inside.steps.again.output.outputVariables.NAME>"'),
        ),
        custom(
            "second",
            script("far", f'echo "<+{path.format("make")}>"'),
            script("further", f'echo "<+{path.format("inside.steps.again")}>"'),
        ),
    )
    execution, status = yard.ran()
    assert status == "SUCCEEDED", yard.unship.execution(execution)
    assert output(yard.unship, execution, "first", "near") == 'a "b" $c!'
    assert output(yard.unship, execution, "second", "far") == 'a "b" $c'
    assert output(yard.unship, execution, "second", "further") == 'a "b" $c!'


@pytest.fixture(scope="module")
def variables(yards: Callable[..., Yard]) -> Yard:
    yard = yards("variables")
    declared = [
        {"name": "needed", "type": "String", "required": True},
        {"name": "usual", "type": "String", "value": "usual"},
    ]
    say = 'echo "<+pipeline.variables.needed> <+pipeline.variables.usual> <+stage.variables.own>"'
    own = [{"name": "own", "type": "String", "value": "<+pipeline.variables.usual>/own"}]
    yard.apply(custom("only", script("say", say), variables=own), variables=declared)
    return yard


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"needed": "yes"}, "yes usual usual/own"),
        ({"needed": "yes", "usual": "other"}, "yes other other/own"),
        ({"needed": "$(id) <+pipeline.name>"}, "$(id) <+pipeline.name> usual usual/own"),
    ],
)
def test_variables_given_and_defaulted(variables: Yard, given: dict[str, str], said: str) -> None:
    execution = variables.deploy(**given)
    assert output(variables.unship, execution, "only", "say") == said


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({}, "MISSING_VARIABLE", ["variables", "needed"]),
        ({"needed": ""}, "MISSING_VARIABLE", ["variables", "needed"]),
        ({"needed": "yes", "misspelt": "1"}, "UNKNOWN_VARIABLE", ["variables", "misspelt"]),
        ({"needed": 1.10}, "INVALID_VARIABLE", ["variables", "needed"]),
        ({"needed": True}, "INVALID_VARIABLE", ["variables", "needed"]),
    ],
)
def test_variables_refused(variables: Yard, given: dict[str, Any], code: str, path: list[str]) -> None:
    payload = variables.unship.data(
        "mutation ($p: String!, $v: JSON) { runPipeline(input: {pipelineIdentifier: $p, variables: $v}) "
        "{ execution { id } userErrors { code path } } }",
        p=variables.name,
        v=given,
    )["runPipeline"]
    assert payload == {"execution": None, "userErrors": [{"code": code, "path": path}]}


def test_two_stages_of_one_target_do_not_run_at_the_same_time(yard: Yard) -> None:
    """One at a time per target holds within an execution too; one after the other they may."""
    yard.apply(together(yard.stage("left"), yard.stage("again", "left")), environments=("left",))
    payload = yard.unship.data(
        "mutation ($p: String!) { runPipeline(input: {pipelineIdentifier: $p}) "
        "{ execution { id } userErrors { code message } } }",
        p=yard.name,
    )["runPipeline"]
    (error,) = payload["userErrors"]
    assert (payload["execution"], error["code"]) == (None, "TARGET_BUSY")
    assert '"left"' in error["message"]
    assert '"again"' in error["message"]
    yard.apply(yard.stage("left"), yard.stage("again", "left"), environments=("left",))
    assert yard.unship.stages(yard.deploy(NEW)) == {"left": "SUCCEEDED", "again": "SUCCEEDED"}
