"""How steps and stages end, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from pydantic import JsonValue

from db.statuses import ExecutionKind, ExecutionStatus, StageStatus
from pipelines.documents.failure import ActionType, FailureKind, RunsAfter
from pipelines.plan import Strategy
from providers.values import Value


class End(StrEnum):
    DONE = "DONE"
    SKIPPED = "SKIPPED"
    IGNORED = "IGNORED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"


_WORST_FIRST = (End.ABORTED, End.FAILED, End.IGNORED, End.DONE, End.SKIPPED)


class Result(Value):
    """How a node or stage ended; `action` is what its failure strategy asks of the stage."""

    end: End
    reason: str | None = None
    action: ActionType | None = None

    @property
    def stops(self) -> bool:
        return self.end in (End.FAILED, End.ABORTED)


def worst(results: Iterable[Result]) -> Result:
    """The result that decides: aborted before failed before ignored before done before skipped."""
    return min(results, key=lambda result: _WORST_FIRST.index(result.end), default=Result(end=End.DONE))


class StepOutcome(Value):
    """What one try at a step gave. `error` is the class of failure that strategies name, None on success."""

    error: FailureKind | None = None
    message: str | None = None
    skipped: bool = False
    outputs: dict[str, JsonValue] = {}


class Decision(Value):
    """What to do about a failed try: `action`, and for Retry after how many seconds."""

    action: ActionType
    wait: float = 0


def decide(strategies: Sequence[Strategy], error: FailureKind, tries: int) -> Decision:
    """The decision of the nearest strategy that covers `error`, after `tries` failed tries; else failure."""
    for strategy in strategies:
        if not strategy.covers(error):
            continue
        if strategy.action is not ActionType.RETRY:
            return Decision(action=strategy.action)
        if tries <= strategy.retries:
            return Decision(action=ActionType.RETRY, wait=_interval(strategy, tries))
        if strategy.after_retries is not None:
            return Decision(action=strategy.after_retries)
    return Decision(action=ActionType.MARK_AS_FAILURE)


def _interval(strategy: Strategy, tries: int) -> float:
    intervals = strategy.intervals
    return intervals[min(tries, len(intervals)) - 1] if intervals else 0


def runs(runs_after: RunsAfter, failed: bool) -> bool:
    """Whether something limited to `runs_after` runs after what came before it."""
    return runs_after is RunsAfter.ALL or (runs_after is RunsAfter.FAILURE) == failed


def execution_status(
    kind: ExecutionKind, stages: Sequence[StageStatus], aborted: bool, unexpected: bool
) -> ExecutionStatus:
    """The end of an execution, from its stages' ends."""
    ends = set(stages)
    unfinished = {StageStatus.ABORTED, StageStatus.ABANDONED}
    if aborted and ends & unfinished:
        return ExecutionStatus.ABORTED
    if unexpected or StageStatus.FAILED in ends or (kind is ExecutionKind.ROLLBACK and ends & unfinished):
        return ExecutionStatus.FAILED
    if StageStatus.COMPLETED_WITH_DRIFT in ends:
        return ExecutionStatus.COMPLETED_WITH_DRIFT
    if StageStatus.SUCCEEDED_WITH_IGNORED_FAILURES in ends:
        return ExecutionStatus.SUCCEEDED_WITH_IGNORED_FAILURES
    return ExecutionStatus.SUCCEEDED
