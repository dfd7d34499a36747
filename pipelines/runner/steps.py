"""Runs the steps of a stage: in sequence, in parallel, with conditions and failure strategies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from db.statuses import StepStatus
from pipelines import journal
from pipelines.abort import request_abort
from pipelines.documents.failure import ActionType, FailureKind
from pipelines.durable import Branch
from pipelines.expressions import ExpressionError, evaluate_condition
from pipelines.plan import Node, PlannedParallel, PlannedStage, PlannedStep, node_at
from pipelines.resolving import recording_scope
from pipelines.runner.acting import act
from pipelines.runner.deadlines import deadline_of_try, seconds_until
from pipelines.runner.results import Decision, End, Result, StepOutcome, decide, runs, worst
from pipelines.runner.work import Work, abort_requested
from pipelines.scope import stage_scope_words
from pipelines.steps import WAIT, StepFailed, wait_seconds
from providers.values import Progress

_PAUSE_SLICE = 2.0
# A wait cut by less than this was not cut, only begun a moment later.
_EARLY = 0.5

Path = tuple[int, ...]


@dataclass(frozen=True)
class StepRunner:
    """Runs the steps of one stage. `undoing`: its rollbackSteps, which run whatever state they are limited to."""

    work: Work
    stage: PlannedStage
    undoing: bool

    @property
    def _nodes(self) -> tuple[Node, ...]:
        return self.stage.rollback_steps if self.undoing else self.stage.steps

    async def run_all(self) -> Result:
        return await self._sequence(self._nodes, (), failed=False)

    async def run_at(self, path: Path, *, failed: bool) -> Result:
        """Run the node at `path`, as one branch of a parallel block."""
        return await self._node(node_at(self._nodes, path), path, failed=failed)

    async def _sequence(self, nodes: Sequence[Node], path: Path, *, failed: bool) -> Result:
        results: list[Result] = []
        for index, node in enumerate(nodes):
            result = await self._node(node, (*path, index), failed=failed)
            results.append(result)
            if result.end is End.ABORTED or (self.undoing and result.stops):
                break
            failed = failed or result.end is End.FAILED
        return worst(results)

    async def _node(self, node: Node, path: Path, *, failed: bool) -> Result:
        if isinstance(node, PlannedStep):
            return await self._step(node, failed=failed)
        if isinstance(node, PlannedParallel):
            return await self._parallel(node, path, failed=failed)
        return await self._sequence(node.nodes, path, failed=failed)

    async def _parallel(self, node: PlannedParallel, path: Path, *, failed: bool) -> Result:
        which = "rollback" if self.undoing else "forward"
        branches = [
            Branch(
                "branch",
                f"{self.stage.id}:{which}:{'.'.join(map(str, (*path, index)))}",
                (self.work.execution_id, self.stage.id, self.undoing, [*path, index], failed),
            )
            for index in range(len(node.nodes))
        ]
        ends = await self.work.durable.branches(branches)
        return worst(Result.model_validate(end) for end in ends)

    async def _step(self, step: PlannedStep, *, failed: bool) -> Result:
        begun = await self.work.transaction(
            f"begin {step.identifier}", lambda session: self._begin(session, step, failed=failed)
        )
        if "end" in begun:
            return Result.model_validate(begun)
        tries = 0
        while True:
            tries += 1
            outcome = await self._try(step, begun)
            if outcome is None:
                return await self._end_aborted(step, None)
            if outcome.error is None:
                return await self._end(step, outcome, Decision(action=ActionType.MARK_AS_SUCCESS))
            decision = decide(step.strategies, outcome.error, tries)
            if decision.action is not ActionType.RETRY:
                return await self._end(step, outcome, decision)
            message = f"Try {tries} failed: {outcome.message} Next try in {decision.wait:g} s."
            if not await self._pause(step, decision.wait, message):
                return await self._end_aborted(step, outcome.message)
            begun = await self._allowed(step)

    async def _begin(self, session: AsyncSession, step: PlannedStep, *, failed: bool) -> dict[str, Any]:
        """Start the step, or say why not. A step that does not get its turn stays PENDING until the stage ends."""
        if await abort_requested(session, self.work.execution_id):
            return Result(end=End.ABORTED).as_json()
        if not self.undoing and not runs(step.runs_after, failed):
            reason = f"Runs only after {step.runs_after.value.lower()}."
            if not failed:
                await self._move(session, step, StepStatus.SKIPPED, reason)
            return Result(end=End.SKIPPED).as_json()
        if step.conditions:
            words = await stage_scope_words(session, self.work.execution_id, self.stage.id)
            scope = recording_scope(words)
            try:
                held = all(evaluate_condition(condition, scope) for condition in step.conditions)
            except ExpressionError as error:
                await self._move(session, step, StepStatus.FAILED, str(error))
                return Result(end=End.FAILED, reason=str(error)).as_json()
            if not held:
                await self._move(session, step, StepStatus.SKIPPED, "Its condition does not hold.")
                return Result(end=End.SKIPPED).as_json()
        await self._move(session, step, StepStatus.RUNNING)
        return await self._allow(session, step)

    async def _allow(self, session: AsyncSession, step: PlannedStep) -> dict[str, Any]:
        """How long the next try may last: its `deadline`, and for a Wait also `wait` and `room` in seconds.

        `error` where there can be none. Recorded, so that a repetition decides the same.
        """
        wait: float | None = None
        if step.type == WAIT:
            words = await stage_scope_words(session, self.work.execution_id, self.stage.id)
            try:
                wait = wait_seconds(step.spec, recording_scope(words))
            except StepFailed as failure:
                return {"error": failure.kind, "message": failure.message}
        seconds = step.timeout if wait is None else wait
        deadline = await deadline_of_try(session, self.work, self.stage, seconds, undoing=self.undoing)
        if deadline is None:
            return {"error": FailureKind.TIMEOUT, "message": "The time of its stage or pipeline was over before."}
        return {"deadline": deadline, "wait": wait, "room": seconds_until(deadline, seconds)}

    async def _allowed(self, step: PlannedStep) -> dict[str, Any]:
        return await self.work.transaction(f"try {step.identifier}", lambda session: self._allow(session, step))

    async def _try(self, step: PlannedStep, allowed: dict[str, Any]) -> StepOutcome | None:
        """One try; None where an abort cut a wait short."""
        if "error" in allowed:
            return StepOutcome.model_validate(allowed)
        if step.type == WAIT:
            return await self._wait(step, allowed["wait"], allowed["room"])
        deadline = allowed["deadline"]
        outcome = await self.work.durable.step(
            f"act {step.identifier}", lambda: act(self.work, self.stage, step, deadline)
        )
        return StepOutcome.model_validate(outcome)

    async def _wait(self, step: PlannedStep, wait: float, room: float) -> StepOutcome | None:
        if not await self._pause(step, min(wait, room), f"Waiting {wait:g} s."):
            return None
        if wait - room < _EARLY:
            return StepOutcome()
        return StepOutcome(error=FailureKind.TIMEOUT, message=f"The stage's time was over before {wait:g} s were.")

    async def _end_aborted(self, step: PlannedStep, reason: str | None) -> Result:
        await self.work.transaction(
            f"abort {step.identifier}", lambda session: self._move(session, step, StepStatus.ABORTED, reason)
        )
        return Result(end=End.ABORTED)

    async def _end(self, step: PlannedStep, outcome: StepOutcome, decision: Decision) -> Result:
        status, result = _ending(outcome, decision)

        async def end(session: AsyncSession) -> None:
            await self._move(session, step, status, outcome.message, outputs=outcome.outputs)
            if result.action is ActionType.ABORT:
                await request_abort(session, self.work.execution_id, f'Step "{step.name}" failed: {result.reason}')

        await self.work.transaction(f"end {step.identifier}", end)
        return result

    async def _pause(self, step: PlannedStep, seconds: float, message: str) -> bool:
        """Sleep durably, in slices so that an abort is noticed; False where one was."""

        async def tell(session: AsyncSession) -> bool:
            await journal.progressed(
                session, self.work.execution_id, self.stage.id, step.id, Progress(message=message)
            )
            return await abort_requested(session, self.work.execution_id)

        aborted = await self.work.transaction(f"pause {step.identifier}", tell)
        while seconds > 0 and not aborted:
            await self.work.durable.sleep(min(seconds, _PAUSE_SLICE))
            seconds -= _PAUSE_SLICE
            aborted = await self.work.transaction(
                "abort?", lambda session: abort_requested(session, self.work.execution_id)
            )
        return not aborted

    async def _move(
        self,
        session: AsyncSession,
        step: PlannedStep,
        status: StepStatus,
        reason: str | None = None,
        **changes: Any,
    ) -> None:
        await journal.move_step(session, self.work.execution_id, self.stage.id, step.id, status, reason, **changes)


def _ending(outcome: StepOutcome, decision: Decision) -> tuple[StepStatus, Result]:
    """How a step ends that will not be tried again."""
    if outcome.error is None:
        if outcome.skipped:
            return StepStatus.SKIPPED, Result(end=End.SKIPPED, reason=outcome.message)
        return StepStatus.SUCCEEDED, Result(end=End.DONE)
    if decision.action is ActionType.IGNORE:
        return StepStatus.IGNORED_FAILURE, Result(end=End.IGNORED, reason=outcome.message)
    if decision.action is ActionType.MARK_AS_SUCCESS:
        return StepStatus.SUCCEEDED, Result(end=End.DONE, reason=outcome.message)
    end = End.ABORTED if decision.action is ActionType.ABORT else End.FAILED
    return StepStatus.FAILED, Result(end=end, reason=outcome.message, action=decision.action)
