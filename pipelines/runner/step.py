"""Runs one step: begins it, tries it as often as its failure strategies say, and ends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from db.columns import now
from db.statuses import StepStatus
from pipelines import journal
from pipelines.abort import request_abort
from pipelines.documents.failure import ActionType, FailureKind
from pipelines.expressions import ExpressionError, evaluate_condition
from pipelines.plan import PlannedStage, PlannedStep
from pipelines.resolving import recording_scope
from pipelines.runner.acting import act
from pipelines.runner.capturing import WayBack
from pipelines.runner.deadlines import deadline_of_try
from pipelines.runner.results import Decision, End, Result, StepOutcome, decide, runs
from pipelines.runner.work import Work, abort_requested
from pipelines.scope import stage_scope_words
from pipelines.steps import WAIT, StepFailed, wait_seconds
from providers.sentences import sentences
from providers.values import Progress, Value

# A wait cut by less than this was not cut, only begun a moment later.
_EARLY = 0.5
_BEFORE = datetime.min.replace(tzinfo=UTC)


class Turn(Value):
    """What comes next for a step: its end, a pause `until` the next try (for a `reason`), or a try until then.

    A pause has its `wait` in seconds, and so has a Wait; it is `cut` where its stage's time is over before.
    """

    result: Result | None = None
    until: datetime = _BEFORE
    paused: bool = False
    reason: str | None = None
    wait: float | None = None
    cut: bool = False


Turning = Callable[[AsyncSession], Awaitable[Turn]]


@dataclass(frozen=True)
class OneStep:
    """One step of a stage's steps, or of its rollbackSteps where it is `undoing`."""

    work: Work
    stage: PlannedStage
    step: PlannedStep
    undoing: bool
    way_back: WayBack | None = None

    async def run(self, *, failed: bool) -> Result:
        """Run it; `failed` says whether a step before it did."""
        tries = 1
        turn = await self._turn("begin", lambda session: self._begin(session, failed=failed))
        while turn.result is None:
            if turn.paused:
                tries += 1
                turn = await self._after_pause(turn, tries)
            elif turn.wait is not None:
                turn = await self._wait(turn, turn.wait, tries)
            else:
                turn = await self._try(turn.until, tries)
        return turn.result

    async def _begin(self, session: AsyncSession, *, failed: bool) -> Turn:
        """Start the step, or say why not. One that does not get its turn stays PENDING until the stage ends."""
        if await abort_requested(session, self.work.execution_id):
            return Turn(result=Result(end=End.ABORTED))
        if not self.undoing and not runs(self.step.runs_after, failed):
            if not failed:
                await self._move(
                    session, StepStatus.SKIPPED, f"Runs only after {self.step.runs_after.value.lower()}."
                )
            return Turn(result=Result(end=End.SKIPPED))
        try:
            held = await self._conditions_hold(session)
        except ExpressionError as error:
            await self._move(session, StepStatus.FAILED, str(error))
            return Turn(result=Result(end=End.FAILED, reason=str(error)))
        if not held:
            await self._move(session, StepStatus.SKIPPED, "Its condition does not hold.")
            return Turn(result=Result(end=End.SKIPPED))
        await self._move(session, StepStatus.RUNNING)
        return await self._allow(session, tries=1)

    async def _conditions_hold(self, session: AsyncSession) -> bool:
        if not self.step.conditions:
            return True
        scope = recording_scope(await stage_scope_words(session, self.work.execution_id, self.stage.id))
        return all(evaluate_condition(condition, scope) for condition in self.step.conditions)

    async def _allow(self, session: AsyncSession, tries: int) -> Turn:
        """The next try, with its deadline recorded, so that a repetition decides the same."""
        wait: float | None = None
        if self.step.type == WAIT:
            words = await stage_scope_words(session, self.work.execution_id, self.stage.id)
            try:
                wait = wait_seconds(self.step.spec, recording_scope(words))
            except StepFailed as failure:
                return await self._settle(session, StepOutcome(error=failure.kind, message=failure.message), tries)
        seconds = self.step.timeout if wait is None else wait
        deadline = await deadline_of_try(session, self.work, self.stage, seconds, undoing=self.undoing)
        if deadline is None:
            message = "The time of its stage or pipeline was over before."
            return await self._settle(session, StepOutcome(error=FailureKind.TIMEOUT, message=message), tries)
        if wait is not None:
            await self._tell(session, f"Waiting {wait:g} s.")
        cut = wait is not None and (deadline - now()).total_seconds() < wait - _EARLY
        return Turn(until=deadline, wait=wait, cut=cut)

    async def _try(self, deadline: datetime, tries: int) -> Turn:
        if self.way_back is not None:
            await self.way_back.before(self.step)

        async def settle(session: AsyncSession, outcome: StepOutcome) -> JsonValue:
            return (await self._settle(session, outcome, tries)).as_json()

        settled = await self.work.step(
            f"try {self.step.identifier}", lambda: act(self.work, self.stage, self.step, deadline), settle
        )
        return Turn.model_validate(settled)

    async def _wait(self, turn: Turn, wait: float, tries: int) -> Turn:
        await self.work.sleep_until(turn.until, wait)
        outcome = StepOutcome()
        if turn.cut:
            message = f"The stage's time was over before {wait:g} s were."
            outcome = StepOutcome(error=FailureKind.TIMEOUT, message=message)

        async def end(session: AsyncSession) -> Turn:
            return await self._aborted(session) or await self._settle(session, outcome, tries)

        return await self._turn("wait", end)

    async def _after_pause(self, turn: Turn, tries: int) -> Turn:
        await self.work.sleep_until(turn.until, turn.wait)

        async def again(session: AsyncSession) -> Turn:
            return await self._aborted(session, turn.reason) or await self._allow(session, tries)

        return await self._turn("retry", again)

    async def _settle(self, session: AsyncSession, outcome: StepOutcome, tries: int) -> Turn:
        """What follows from the outcome of a try: the step's end, or a pause before the next one."""
        decision = Decision(action=ActionType.MARK_AS_SUCCESS)
        if outcome.error is not None:
            decision = decide(self.step.strategies, outcome.error, tries)
        if decision.action is ActionType.RETRY:
            if aborted := await self._aborted(session, outcome.message):
                return aborted
            failed = f"Try {tries} failed: {outcome.message}"
            await self._tell(session, sentences(failed, f"Next try in {decision.wait:g} s."))
            until = now() + timedelta(seconds=decision.wait)
            return Turn(paused=True, until=until, wait=decision.wait, reason=outcome.message)
        status, result = _ending(outcome, decision)
        await self._move(session, status, outcome.message, outputs=outcome.outputs)
        if result.action is ActionType.ABORT:
            reason = f'Step "{self.step.name}" failed: {result.reason}'
            await request_abort(session, self.work.execution_id, reason)
        return Turn(result=result)

    async def _aborted(self, session: AsyncSession, reason: str | None = None) -> Turn | None:
        if not await abort_requested(session, self.work.execution_id):
            return None
        await self._move(session, StepStatus.ABORTED, reason)
        return Turn(result=Result(end=End.ABORTED))

    async def _turn(self, name: str, work: Turning) -> Turn:
        async def as_json(session: AsyncSession) -> JsonValue:
            return (await work(session)).as_json()

        return Turn.model_validate(await self.work.transaction(f"{name} {self.step.identifier}", as_json))

    async def _tell(self, session: AsyncSession, message: str) -> None:
        await journal.progressed(
            session, self.work.execution_id, self.stage.id, self.step.id, Progress(message=message)
        )

    async def _move(
        self, session: AsyncSession, status: StepStatus, reason: str | None = None, **changes: Any
    ) -> None:
        await journal.move_step(
            session, self.work.execution_id, self.stage.id, self.step.id, status, reason, **changes
        )


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
