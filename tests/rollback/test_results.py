"""What follows from how steps and stages ended."""

from __future__ import annotations

import itertools

import pytest

from db.statuses import (
    FINISHED_STAGES,
    ExecutionKind,
    ExecutionStatus,
    RollbackStatus,
    StageStatus,
    StepStatus,
    most_telling,
    undo_outcome,
)
from pipelines.closing import StepEnd, stage_end
from pipelines.documents.failure import ActionType, FailureKind, RunsAfter
from pipelines.explaining import StageEnd, explain
from pipelines.plan import Plan, Strategy
from pipelines.proving import Proof
from pipelines.runner.results import Decision, End, Result, decide, execution_status, runs, worst

IGNORE_TIMEOUT = Strategy(errors=(FailureKind.TIMEOUT,), action=ActionType.IGNORE)
RETRY = Strategy(action=ActionType.RETRY, retries=3, intervals=(1, 5))


@pytest.mark.parametrize(
    ("strategies", "error", "tries", "decision"),
    [
        ((), FailureKind.UNKNOWN, 1, Decision(action=ActionType.MARK_AS_FAILURE)),
        ((IGNORE_TIMEOUT,), FailureKind.TIMEOUT, 1, Decision(action=ActionType.IGNORE)),
        ((IGNORE_TIMEOUT,), FailureKind.UNKNOWN, 1, Decision(action=ActionType.MARK_AS_FAILURE)),
        ((RETRY,), FailureKind.UNKNOWN, 1, Decision(action=ActionType.RETRY, wait=1)),
        ((RETRY,), FailureKind.UNKNOWN, 2, Decision(action=ActionType.RETRY, wait=5)),
        ((RETRY,), FailureKind.UNKNOWN, 3, Decision(action=ActionType.RETRY, wait=5)),
        ((RETRY,), FailureKind.UNKNOWN, 4, Decision(action=ActionType.MARK_AS_FAILURE)),
        ((RETRY, IGNORE_TIMEOUT), FailureKind.TIMEOUT, 4, Decision(action=ActionType.IGNORE)),
        ((IGNORE_TIMEOUT, RETRY), FailureKind.TIMEOUT, 1, Decision(action=ActionType.IGNORE)),
        (
            (RETRY.model_copy(update={"after_retries": ActionType.ABORT}), IGNORE_TIMEOUT),
            FailureKind.TIMEOUT,
            4,
            Decision(action=ActionType.ABORT),
        ),
        ((RETRY.model_copy(update={"intervals": ()}),), FailureKind.UNKNOWN, 1, Decision(action=ActionType.RETRY)),
    ],
)
def test_the_nearest_strategy_that_covers_the_failure_decides(
    strategies: tuple[Strategy, ...], error: FailureKind, tries: int, decision: Decision
) -> None:
    assert decide(strategies, error, tries) == decision


FORWARD, BACK = ExecutionKind.DEPLOYMENT, ExecutionKind.ROLLBACK
S, E = StageStatus, ExecutionStatus


@pytest.mark.parametrize(
    ("kind", "stages", "aborted", "status"),
    [
        (FORWARD, [S.SUCCEEDED, S.SKIPPED], False, E.SUCCEEDED),
        (FORWARD, [], False, E.SUCCEEDED),
        (FORWARD, [S.SUCCEEDED, S.SUCCEEDED_WITH_IGNORED_FAILURES], False, E.SUCCEEDED_WITH_IGNORED_FAILURES),
        (FORWARD, [S.FAILED, S.ABANDONED, S.SUCCEEDED], False, E.FAILED),
        (FORWARD, [S.SUCCEEDED, S.ABORTED, S.ABANDONED], True, E.ABORTED),
        (FORWARD, [S.SUCCEEDED, S.SUCCEEDED], True, E.SUCCEEDED),
        (BACK, [S.SKIPPED], False, E.SUCCEEDED),
        (BACK, [S.SUCCEEDED, S.COMPLETED_WITH_DRIFT], False, E.COMPLETED_WITH_DRIFT),
        (BACK, [S.COMPLETED_WITH_DRIFT, S.FAILED], False, E.FAILED),
        (BACK, [S.SUCCEEDED, S.ABANDONED], False, E.FAILED),
        (BACK, [S.SUCCEEDED, S.ABANDONED], True, E.ABORTED),
        (BACK, [S.SUCCEEDED], True, E.SUCCEEDED),
    ],
)
def test_the_end_of_an_execution_follows_from_its_stages(
    kind: ExecutionKind, stages: list[StageStatus], aborted: bool, status: ExecutionStatus
) -> None:
    for order in itertools.permutations(stages):
        assert execution_status(kind, order, aborted, unexpected=False) is status


@pytest.mark.parametrize("kind", [FORWARD, BACK])
def test_a_defect_is_never_a_success(kind: ExecutionKind) -> None:
    assert execution_status(kind, [S.SUCCEEDED], aborted=False, unexpected=True) is E.FAILED


def test_the_worst_end_decides() -> None:
    ends = [End.ABORTED, End.FAILED, End.IGNORED, End.DONE, End.SKIPPED]
    for index, end in enumerate(ends):
        assert worst(Result(end=other) for other in reversed(ends[index:])).end is end
    assert worst([]).end is End.DONE


@pytest.mark.parametrize(
    ("after", "failed", "does"),
    [
        (RunsAfter.SUCCESS, False, True),
        (RunsAfter.SUCCESS, True, False),
        (RunsAfter.FAILURE, False, False),
        (RunsAfter.FAILURE, True, True),
        (RunsAfter.ALL, False, True),
        (RunsAfter.ALL, True, True),
    ],
)
def test_what_runs_after_what(after: RunsAfter, failed: bool, does: bool) -> None:
    assert runs(after, failed) is does


def test_the_most_telling_status_is_the_one_a_user_must_see_first() -> None:
    order = ["STARTED", "FAILURE", "SUCCESS", "NOT_STARTED", "UNAVAILABLE"]
    for index, status in enumerate(order):
        assert most_telling(RollbackStatus(one) for one in reversed(order[index:])) == status
    assert most_telling([]) is RollbackStatus.UNAVAILABLE


@pytest.mark.parametrize("end", sorted(FINISHED_STAGES))
def test_a_stage_is_undone_by_its_own_end_and_by_nothing_less(end: StageStatus) -> None:
    undone = end in {"SUCCEEDED", "SUCCEEDED_WITH_IGNORED_FAILURES", "SKIPPED"}
    assert undo_outcome(end) is (RollbackStatus.SUCCESS if undone else RollbackStatus.FAILURE)


STEP = StepStatus
PROVED = Proof(live=(), compared=True, restored="Restored and verified: 2 of web at web:1.")


@pytest.mark.parametrize(
    ("steps", "result", "end"),
    [
        ([(STEP.SUCCEEDED, None)], Result(end=End.DONE), (S.SUCCEEDED, PROVED.restored)),
        (
            [(STEP.SKIPPED, "There is no canary"), (STEP.SKIPPED, "All is as it was")],
            Result(end=End.DONE, reason="There is no canary"),
            (S.SKIPPED, "There is no canary. All is as it was."),
        ),
        (
            [(STEP.SKIPPED, "There is no canary"), (STEP.SUCCEEDED, None)],
            Result(end=End.DONE, reason="There is no canary"),
            (S.SUCCEEDED, PROVED.restored),
        ),
        (
            [(STEP.SUCCEEDED, None)],
            Result(end=End.IGNORED, reason="The script failed"),
            (S.SUCCEEDED_WITH_IGNORED_FAILURES, f"{PROVED.restored} The script failed."),
        ),
    ],
)
def test_a_stage_of_a_rollback_says_what_was_restored_or_why_nothing_had_to_be(
    steps: list[tuple[StepStatus, str | None]], result: Result, end: tuple[StageStatus, str]
) -> None:
    plan = Plan(kind=BACK, stages=())
    assert stage_end(plan, result, PROVED, [StepEnd(*step) for step in steps]) == end


def ends(**stages: StageStatus) -> list[StageEnd]:
    return [StageEnd(name=name, status=status, reason="why") for name, status in stages.items()]


@pytest.mark.parametrize(
    ("kind", "status", "stages", "wish", "told"),
    [
        (BACK, E.SUCCEEDED, ends(b=S.SUCCEEDED, a=S.SUCCEEDED), None, 'Restored and verified: "b", "a".'),
        (BACK, E.SUCCEEDED, ends(a=S.SKIPPED), None, 'Nothing had to be changed: "a".'),
        (FORWARD, E.SUCCEEDED, ends(a=S.SUCCEEDED), None, None),
        (FORWARD, E.SUCCEEDED, ends(a=S.SUCCEEDED), "X.", "Nothing was left to stop when it was asked to: X."),
        (FORWARD, E.FAILED, ends(a=S.SUCCEEDED, b=S.FAILED, c=S.ABANDONED), None, 'Stage "b": why'),
        (FORWARD, E.FAILED, ends(a=S.FAILED), "X.", 'Stage "a": why'),
        (BACK, E.COMPLETED_WITH_DRIFT, ends(a=S.COMPLETED_WITH_DRIFT), None, 'Stage "a": why'),
        (
            BACK,
            E.SUCCEEDED_WITH_IGNORED_FAILURES,
            ends(a=S.SUCCEEDED_WITH_IGNORED_FAILURES),
            None,
            'Stage "a": why',
        ),
        (BACK, E.ABORTED, ends(a=S.ABORTED), "X", "X"),
        (BACK, E.ABORTED, ends(b=S.SUCCEEDED, a=S.ABORTED), "X", 'X. Restored and verified: "b".'),
        (BACK, E.FAILED, ends(b=S.SUCCEEDED, a=S.FAILED), None, 'Stage "a": why. Restored and verified: "b".'),
    ],
)
def test_an_end_is_explained(
    kind: ExecutionKind, status: ExecutionStatus, stages: list[StageEnd], wish: str | None, told: str | None
) -> None:
    assert explain(kind, status, stages, wish) == told
