"""Does one try at a step: renders its spec from the records and hands it to the platform or the generic step.

Whatever goes wrong comes back as a `StepOutcome` with the class of failure that strategies name.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, JsonValue, ValidationError

from db.outages import is_outage
from db.statuses import StepPhase
from pipelines import journal
from pipelines.documents.base import EXPRESSION_MARK
from pipelines.documents.failure import FailureKind
from pipelines.documents.vocabulary import SCRIPT_STEPS
from pipelines.expressions import ExpressionError, mask, render_tree, scope_of
from pipelines.idempotency import DUPLICATES
from pipelines.plan import PlannedStage, PlannedStep
from pipelines.records import StageRecords, stage_records
from pipelines.roots import Words
from pipelines.runner.deadlines import seconds_until
from pipelines.runner.results import StepOutcome
from pipelines.runner.work import Work
from pipelines.scope import stage_scope_words
from pipelines.secret_marks import mark, reveal
from pipelines.steps import GENERIC_STEPS, StepContext, StepFailed
from providers.errors import ProviderError, ProviderRefused, ProviderTimedOut, ProviderUnreachable
from providers.interface import StepType, Verb
from providers.retry import Heard, listening
from providers.tracing import TRACING
from providers.values import Effect, Outcome, Progress

logger = logging.getLogger(__name__)

_TROUBLE_SECONDS = 2.0


@dataclass
class _Attempt:
    """The provider's view of this try (`providers.interface.Attempt`)."""

    work: Work
    stage: PlannedStage
    step: PlannedStep
    until: float
    """Of the loop's clock: when the caller ends it."""

    def __post_init__(self) -> None:
        self._effects = self.work.checkpoints.branch(f"effects of {self.step.id}")
        self.goes_on = self._effects.noted
        """Whether an earlier try at the step, perhaps before a crash, went as far as to change something."""

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.until - asyncio.get_running_loop().time())

    @property
    def token(self) -> str:
        return f"{self.work.execution_id}-{self.step.id}"

    async def report(self, progress: Progress) -> None:
        async with self.work.runtime.database.write() as session:
            await self.work.runtime.fence.hold(session, self.work.execution_id)
            new = await journal.progressed(session, self.work.execution_id, self.stage.id, self.step.id, progress)
        if new:
            self.work.runtime.bell.ring(self.work.execution_id)

    async def before_effect(self) -> None:
        await self._effects.note(f"begin effects of {self.step.identifier}")
        await self.work.runtime.fence.check(self.work.execution_id)


async def act(work: Work, stage: PlannedStage, step: PlannedStep, deadline: datetime) -> StepOutcome:
    """One try at `step`, until `deadline`. Raises nothing but outages of the database."""
    known = {"unship.step.identifier": step.identifier, "unship.step.type": step.type}
    with TRACING.span(f"step {step.type}", facts=known) as span:
        outcome = await _try(work, stage, step, deadline)
        if outcome.error is not None:
            span.end(outcome.error.value)
        return outcome


async def _try(work: Work, stage: PlannedStage, step: PlannedStep, deadline: datetime) -> StepOutcome:
    left = seconds_until(deadline, step.timeout)
    attempt = _Attempt(work, stage, step, asyncio.get_running_loop().time() + left)
    revealed: set[str] = set()
    with listening() as heard:
        telling = asyncio.create_task(_tell(attempt, heard, revealed))
        try:
            outcome = await _outcome(attempt, left, revealed, heard)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
    return StepOutcome.model_validate(_masked(outcome.as_json(), revealed))


async def _tell(attempt: _Attempt, heard: Heard, secrets: set[str]) -> None:
    """As progress: why the platform is asked again, where it goes on for a while."""
    told: str | None = None
    while True:
        await asyncio.sleep(_TROUBLE_SECONDS)
        if heard.complaint not in (None, told):
            told = heard.complaint
            # What stops this stops the step itself.
            with suppress(Exception):
                await attempt.report(Progress(message=mask(told, frozenset(secrets))))


async def _outcome(attempt: _Attempt, left: float, revealed: set[str], heard: Heard) -> StepOutcome:
    step, stage = attempt.step, attempt.stage
    try:
        async with asyncio.timeout(left):
            return await _act(attempt, revealed)
    except TimeoutError:
        return StepOutcome(
            error=FailureKind.TIMEOUT,
            message=f'Step "{step.name}" did not finish in time: its timeout is {step.timeout:g} s'
            + (f", that of its stage {stage.timeout:g} s." if stage.timeout else ".")
            + (f" The last that was heard: {heard.complaint}" if heard.complaint else ""),
        )
    except Exception as error:
        if is_outage(error):
            raise
        return _failure(error)


def _masked(value: JsonValue, secrets: set[str]) -> JsonValue:
    """The value with every occurrence of a secret masked."""
    if isinstance(value, str):
        return mask(value, frozenset(secrets))
    if isinstance(value, list):
        return [_masked(item, secrets) for item in value]
    if isinstance(value, dict):
        return {key: _masked(item, secrets) for key, item in value.items()}
    return value


async def _act(attempt: _Attempt, revealed: set[str]) -> StepOutcome:
    generic = GENERIC_STEPS.get(attempt.step.type)
    if generic is None:
        return await _act_at_platform(attempt, revealed)
    if attempt.step.type in SCRIPT_STEPS and not attempt.work.runtime.rules.allow_scripts:
        # They may have been loaded while they were allowed.
        raise StepFailed(
            f"{attempt.step.type} steps are switched off here; UNSHIP_ALLOW_SCRIPTS=true allows them."
        )
    context = StepContext(
        scope=scope_of(resolve_secret=attempt.work.runtime.registry.connectors.secret, **await _words(attempt)),
        timeout=attempt.seconds_left,
        report=attempt.report,
    )
    await attempt.work.runtime.fence.check(attempt.work.execution_id)
    result = await generic.run(generic.spec_model.model_validate(attempt.step.spec), context)
    return StepOutcome(outputs=result.outputs)


async def _words(attempt: _Attempt) -> Words:
    """What the step's expressions read; nothing is gathered for a step that has none."""
    if EXPRESSION_MARK not in str(attempt.step.spec):
        return {}
    async with attempt.work.runtime.database.read() as connection:
        return await stage_scope_words(connection, attempt.work.execution_id, attempt.stage.id)


async def _act_at_platform(attempt: _Attempt, revealed: set[str]) -> StepOutcome:
    work, step = attempt.work, attempt.step
    records = await stage_records(work.runtime, attempt.stage, revealed)
    step_type = records.provider.step_types.get(step.type)
    if step_type is None:
        raise ProviderRefused(f'Nothing carries a step of type "{step.type}" in this stage.')
    rendered = render_tree(step.spec, scope_of(resolve_secret=mark, **await _words(attempt))).value
    spec = step_type.spec_model.model_validate(reveal(rendered, work.runtime.registry.connectors.secret, revealed))
    outcome = await _call(records, step_type, spec, attempt)
    if outcome.effect is Effect.SKIPPED and attempt.goes_on:
        # This try found everything done, because the earlier one did it.
        DUPLICATES.add("step")
        return StepOutcome(outputs=outcome.outputs)
    return StepOutcome(skipped=outcome.effect is Effect.SKIPPED, message=outcome.reason, outputs=outcome.outputs)


async def _call(records: StageRecords, step_type: StepType, spec: BaseModel, attempt: _Attempt) -> Outcome:
    undoing = attempt.step.phase is StepPhase.ROLLBACK
    if step_type.verb_for(undoing=undoing) is Verb.DEPLOY:
        return await records.provider.deploy(records.target, records.release, spec, attempt)
    if records.snapshot is None:
        raise ProviderRefused("There is no snapshot to go back to: the stage never recorded one.")
    return await records.provider.roll_back(records.target, records.snapshot, spec, attempt)


def _failure(error: Exception) -> StepOutcome:
    if isinstance(error, StepFailed):
        return StepOutcome(error=error.kind, message=error.message)
    if isinstance(error, ProviderError):
        return StepOutcome(error=_kind_of(error), message=str(error))
    if isinstance(error, ExpressionError | ValidationError):
        return StepOutcome(error=FailureKind.UNKNOWN, message=str(error))
    logger.exception("a step failed unexpectedly", exc_info=error)
    return StepOutcome(error=FailureKind.UNKNOWN, message="Unexpected error; the server's log has the details.")


def _kind_of(error: ProviderError) -> FailureKind:
    if isinstance(error, ProviderTimedOut):
        return FailureKind.TIMEOUT
    return FailureKind.CONNECTIVITY if isinstance(error, ProviderUnreachable) else FailureKind.UNKNOWN
