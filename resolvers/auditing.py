"""Every attempt to change something gets its entry in the audit log, however it ends, and is told to the operator.

Imports db and providers.telemetry.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from db.outages import is_outage
from db.security.audit import AuditLog, Detail, Happened
from db.statuses import AuditOutcome
from providers.telemetry import Tally, facts
from providers.tracing import TRACING
from resolvers.errors import InputRefused

AnswerT = TypeVar("AnswerT")

logger = logging.getLogger(__name__)

ATTEMPTS = Tally(
    "unship_mutations_total", "Mutations that have been answered, by outcome.", ("mutation", "outcome")
)
REFUSALS = Tally(
    "unship_refusals_total",
    "Reasons for which mutations were refused; one may have several.",
    ("mutation", "code"),
)
# What became of those still under way at the end is left to the next start after that long.
_FINISH_SECONDS = 3.0


@dataclass(frozen=True)
class Attempt:
    """Who wants what, and why, before anything was decided. Texts may be of any length and content."""

    subject: str
    action: str
    target: str
    reason: str | None = None
    details: Mapping[str, Detail] = field(default_factory=dict[str, Detail])


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended; the code and message of a refusal."""

    outcome: AuditOutcome
    code: str | None = None
    message: str | None = None
    details: Mapping[str, Detail] = field(default_factory=dict[str, Detail])


class Auditor:
    """Carries attempts out and records them."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log
        self._under_way: set[asyncio.Task[Any]] = set()

    async def carry_out(
        self, attempt: Attempt, act: Coroutine[Any, Any, AnswerT], outcome_of: Callable[[AnswerT], Outcome]
    ) -> AnswerT:
        """The answer of `act`, or what it raises, once it is recorded.

        A caller who leaves does not stop it half-way: otherwise leaving at the right moment would be a way to
        change something unrecorded. An entry that cannot be written does not take the answer away.
        """
        task = asyncio.create_task(self._carry_out(attempt, act, outcome_of))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def finished(self) -> None:
        """Returns when nothing is under way, or some seconds later: before the database is closed."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=_FINISH_SECONDS)
            if late:
                logger.error("%d changes under way could not be waited for", len(late))

    async def _carry_out(
        self, attempt: Attempt, act: Coroutine[Any, Any, AnswerT], outcome_of: Callable[[AnswerT], Outcome]
    ) -> AnswerT:
        try:
            answer = await act
        except InputRefused as refused:
            await self._record(attempt, Outcome(AuditOutcome.REFUSED, refused.code, refused.message))
            raise
        except BaseException as error:
            # The message of a defect may hold anything; the server's log has it.
            await self._record(attempt, Outcome(AuditOutcome.FAILED, type(error).__name__))
            raise
        await self._record(attempt, outcome_of(answer))
        return answer

    async def _record(self, attempt: Attempt, outcome: Outcome) -> None:
        _tell(attempt, outcome)
        happened = Happened(
            attempt.subject,
            attempt.action,
            attempt.target,
            outcome.outcome,
            attempt.reason,
            outcome.code,
            outcome.message,
            {**attempt.details, **outcome.details},
        )
        try:
            await self._log.record(happened)
        except Exception as error:
            # Of an outage hundreds of these may come, and where each was in our code says nothing about it.
            logger.error(
                "THE AUDIT LOG COULD NOT BE WRITTEN (%s); what it should say: %r",
                error,
                happened,
                exc_info=not is_outage(error),
            )


def _tell(attempt: Attempt, outcome: Outcome) -> None:
    """A count and a line without what the caller wrote, which is for the audit log alone."""
    how = outcome.outcome.value.lower()
    ATTEMPTS.add(attempt.action, how)
    codes = outcome.details.get("codes")
    refused = list(codes) if isinstance(codes, list) else [outcome.code] if outcome.code else []
    for code in refused:
        REFUSALS.add(attempt.action, code)
    execution = outcome.details.get("executionId")
    if isinstance(execution, str):
        TRACING.current().set("unship.execution.id", execution)
    logger.info(
        "%s %s",
        attempt.action,
        how,
        extra=facts(
            execution=execution if isinstance(execution, str) else None,
            codes=" ".join(refused) or None,
            subject=attempt.subject,
        ),
    )
