"""Each rule on its own: which facts give which reason, and which do not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from db.statuses import ACTIVE_EXECUTIONS, ExecutionKind, ExecutionStatus, StageStatus
from providers.values import DeploymentType
from rollback.facts import DeploymentFacts, undone_before
from rollback.rules import reasons_of
from rollback.values import Eligibility, Reason, ReasonCode, Severity, Verdict
from tests.rollback.facts import AT, circumstances, deployment, group, mark, stage, step, undo


def codes(facts: DeploymentFacts, **changes: Any) -> list[str]:
    return [reason.code for reason in reasons_of(facts, circumstances(**changes))]


def test_nothing_speaks_against_a_fresh_success() -> None:
    assert codes(deployment()) == []


def test_feature_disabled_is_the_first_reason_and_not_the_only_one() -> None:
    facts = deployment(mark=mark(status=ExecutionStatus.FAILED))
    assert codes(facts, enabled=False) == ["FEATURE_DISABLED", "EXECUTION_NOT_SUCCESSFUL"]


@pytest.mark.parametrize("status", sorted(set(ExecutionStatus) - {ExecutionStatus.SUCCEEDED}))
def test_every_other_status_is_not_successful(status: ExecutionStatus) -> None:
    reason = reasons_of(deployment(mark=mark(status=status)), circumstances())[0]
    assert reason.code == "EXECUTION_NOT_SUCCESSFUL"
    assert status in reason.message
    assert ("abort" in (reason.remedy or "")) == (status in ACTIVE_EXECUTIONS)


@pytest.mark.parametrize("status", sorted(ExecutionStatus))
def test_a_rollback_is_not_a_deployment_and_nothing_else(status: ExecutionStatus) -> None:
    facts = deployment(stage(snapshot=None, nodes=()), mark=mark(status=status, kind=ExecutionKind.ROLLBACK))
    (reason,) = reasons_of(facts, circumstances())
    assert reason.code == "NOT_A_DEPLOYMENT"
    unfinished = {"FAILED", "ABORTED", "COMPLETED_WITH_DRIFT"}
    assert ("once more" in (reason.remedy or "")) == (status in unfinished)


def test_not_latest_names_the_newer_and_says_when_that_is_no_way_either() -> None:
    newer = mark("e9")
    reason = reasons_of(deployment(stage(newer=newer)), circumstances())[0]
    assert (reason.code, reason.stage_id) == ("NOT_LATEST_DEPLOYMENT", "s-prod")
    assert "deployment #9 of pipeline shop" in reason.message
    assert reason.remedy == "Roll back deployment #9 of pipeline shop instead."
    reason = reasons_of(deployment(stage(newer=newer, newer_undone=True)), circumstances())[0]
    assert reason.remedy == "Run the pipeline with the version you want."


@pytest.mark.parametrize("unsupported", [DeploymentType.CUSTOM, DeploymentType.TAS, None])
def test_a_type_that_nothing_carries_is_unsupported(unsupported: DeploymentType | None) -> None:
    facts = deployment(stage(planned={"deployment_type": unsupported}, snapshot=None))
    assert codes(facts) == ["DEPLOYMENT_TYPE_UNSUPPORTED"]


def test_no_rollback_steps_counts_steps_and_not_groups() -> None:
    assert codes(deployment(stage(nodes=(group(),)))) == ["NO_ROLLBACK_STEPS"]
    assert codes(deployment(stage(nodes=(group(group(step())),)))) == []


def test_a_scope_is_narrowed_only_where_something_is_left_of_it() -> None:
    bare, skipped = stage("bare", nodes=()), stage("never", status=StageStatus.SKIPPED)
    (alone,) = reasons_of(deployment(bare, skipped), circumstances())
    assert (alone.remedy or "").endswith("and run the pipeline with the version you want.")
    (one,) = reasons_of(deployment(bare, stage()), circumstances())
    assert (one.remedy or "").endswith('and narrow this rollback to the others: "Prod".')
    both = reasons_of(deployment(bare, stage("second", nodes=())), circumstances())
    assert {reason.remedy for reason in both} == {alone.remedy}


def test_stages_that_never_ran_need_no_steps_and_no_way_back() -> None:
    skipped = stage("other", status=StageStatus.SKIPPED, nodes=(), snapshot=None)
    assert codes(deployment(stage(), skipped)) == []
    assert codes(deployment(skipped)) == ["NO_ROLLBACK_STEPS"]


@pytest.mark.parametrize("snapshot", [None, {}, {"existed": False}])
def test_no_previous_deployment_where_nothing_existed(snapshot: dict[str, Any] | None) -> None:
    assert codes(deployment(stage(snapshot=snapshot))) == ["NO_PREVIOUS_DEPLOYMENT"]


def test_no_previous_deployment_is_a_warning_where_no_instance_ran() -> None:
    left, idle = [{"count": 2}], {"existed": True, "groups": [{"count": 0}]}
    (reason,) = reasons_of(deployment(stage(snapshot=idle, left_groups=left)), circumstances())
    assert (reason.code, reason.severity) == ("NO_PREVIOUS_DEPLOYMENT", "WARNING")
    assert codes(deployment(stage(snapshot=idle, left_groups=[]))) == [], "what has no instances has none to lose"
    assert codes(deployment(stage(snapshot={"existed": True, "groups": left}, left_groups=left))) == []


def test_one_success_uses_the_rollback_up_and_failures_do_not() -> None:
    failed = undo(StageStatus.FAILED, ExecutionStatus.FAILED)
    drifted = undo(StageStatus.COMPLETED_WITH_DRIFT, ExecutionStatus.COMPLETED_WITH_DRIFT)
    aborted = undo(StageStatus.ABANDONED, ExecutionStatus.ABORTED)
    assert codes(deployment(stage(undos=(failed, drifted, aborted)))) == []
    for status in (StageStatus.SUCCEEDED, StageStatus.SKIPPED, StageStatus.SUCCEEDED_WITH_IGNORED_FAILURES):
        done = undo(status, ExecutionStatus.SUCCEEDED)
        assert codes(deployment(stage(undos=(failed, done)))) == ["ALREADY_ROLLED_BACK"]


def test_what_a_failed_try_had_undone_is_left_out_and_alone_is_nothing_to_do() -> None:
    undone = stage("three", undos=(undo(StageStatus.SUCCEEDED, ExecutionStatus.FAILED),))
    open_ = stage("two", undos=(undo(StageStatus.FAILED, ExecutionStatus.FAILED),))
    assert undone_before(undone) is not None
    assert undone_before(open_) is None
    assert codes(deployment(open_, undone)) == []
    assert codes(deployment(undone)) == ["ALREADY_ROLLED_BACK"]
    skipped = stage("one", status=StageStatus.SKIPPED)
    assert codes(deployment(undone, skipped)) == ["ALREADY_ROLLED_BACK"]


def test_in_progress_is_neither_busy_nor_rolled_back() -> None:
    running = undo(StageStatus.SUCCEEDED, ExecutionStatus.RUNNING)
    facts = deployment(stage(undos=(running,), holder=running.rollback, holder_message="held"))
    assert codes(facts) == ["ROLLBACK_IN_PROGRESS"]


def test_busy_is_another_execution_and_not_its_own() -> None:
    assert codes(deployment(stage(holder=mark("e7"), holder_message="held"))) == ["TARGET_BUSY"]
    assert codes(deployment(stage(holder=mark("e2"), holder_message="held"))) == []


def test_too_old_only_beyond_the_limit() -> None:
    limit = timedelta(days=30)
    assert codes(deployment(finished_at=AT - limit)) == []
    assert codes(deployment(finished_at=AT - limit - timedelta(seconds=1))) == ["TOO_OLD"]
    assert codes(deployment(finished_at=AT - 100 * limit), max_age=None) == []
    assert codes(deployment(finished_at=None, mark=mark(status=ExecutionStatus.RUNNING))) == [
        "EXECUTION_NOT_SUCCESSFUL"
    ]


READS = step("tell", spec={"url": "<+steps.do.output.url>"})


def test_an_expression_is_unresolved_without_a_recorded_value() -> None:
    facts = deployment(stage(nodes=(READS,)), words={"s-prod": {"steps": {"do": {"output": {}}}}})
    reason = reasons_of(facts, circumstances())[0]
    assert reason.code == "EXPRESSION_UNRESOLVED"
    assert "<+steps.do.output.url>" in reason.message
    known = {"s-prod": {"steps": {"do": {"output": {"url": "x"}}}}}
    assert codes(deployment(stage(nodes=(READS,)), words=known)) == []


def test_what_the_rollback_itself_will_give_is_not_missing() -> None:
    later = step("later", spec={"url": "<+execution.rollbackSteps.box.steps.make.output.url>"})
    nodes = (group(step("make"), identifier="box"), later)
    assert codes(deployment(stage(nodes=nodes), words={"s-prod": {}})) == []


def test_steps_and_stages_that_will_not_run_need_no_values() -> None:
    never = '<+pipeline.name> == "other"'
    words = {"s-prod": {"pipeline": {"name": "shop"}}}
    quiet = READS.model_copy(update={"conditions": (never,)})
    assert codes(deployment(stage(nodes=(step(), quiet)), words=words)) == []
    assert codes(deployment(stage(nodes=(READS,), planned={"condition": never}), words=words)) == []
    undone = undo(StageStatus.SUCCEEDED, ExecutionStatus.FAILED)
    other = stage("other")
    assert codes(deployment(stage(nodes=(READS,), undos=(undone,)), other, words=words)) == []


def test_every_stage_gives_its_own_reason() -> None:
    facts = deployment(stage("one", nodes=()), stage("two", snapshot=None), stage("three", nodes=()))
    found = [(reason.code, reason.stage_id) for reason in reasons_of(facts, circumstances())]
    assert found == [
        ("NO_ROLLBACK_STEPS", "s-one"),
        ("NO_ROLLBACK_STEPS", "s-three"),
        ("NO_PREVIOUS_DEPLOYMENT", "s-two"),
    ]


BLOCKING = Reason(ReasonCode.TOO_OLD, "old")
WARNING = Reason(ReasonCode.DRIFT_DETECTED, "drift", severity=Severity.WARNING)
UNREACHABLE = Reason(ReasonCode.PROVIDER_UNREACHABLE, "gone")


@pytest.mark.parametrize(
    ("reasons", "verdict"),
    [
        ((), Verdict.ELIGIBLE),
        ((WARNING,), Verdict.ELIGIBLE_WITH_WARNINGS),
        ((UNREACHABLE,), Verdict.UNKNOWN),
        ((UNREACHABLE, WARNING), Verdict.UNKNOWN),
        ((UNREACHABLE, BLOCKING), Verdict.INELIGIBLE),
        ((BLOCKING, WARNING), Verdict.INELIGIBLE),
    ],
)
def test_the_verdict_follows_from_the_reasons(reasons: tuple[Reason, ...], verdict: Verdict) -> None:
    found = Eligibility.of(reasons, AT)
    assert found.verdict is verdict
    assert found.allows == (verdict in (Verdict.ELIGIBLE, Verdict.ELIGIBLE_WITH_WARNINGS))
