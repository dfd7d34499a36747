"""What the operator is told of an execution: a line in the log and a count when one begins, goes on, or ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from db.columns import now
from pipelines.plan import Plan
from pipelines.runner.work import Work
from providers.telemetry import Spread, Tally, facts
from providers.tracing import TRACING, Kind

logger = logging.getLogger(__name__)

SEVERAL = "SEVERAL"
NO_PLATFORM = "NONE"
_LABELS = ("kind", "platform")

STARTED = Tally("unship_executions_started_total", "Executions that have begun here.", _LABELS)
TAKEN_UP = Tally(
    "unship_executions_taken_up_total", "Executions that another process had begun, and this one took up.", _LABELS
)
FINISHED = Tally(
    "unship_executions_finished_total", "Executions that have ended here, by their status.", (*_LABELS, "status")
)
DURATION = Spread(
    "unship_execution_seconds",
    "Seconds from the acceptance of an execution to its end.",
    (*_LABELS, "status"),
    (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200),
)


async def told(work: Work, run: Callable[[], Awaitable[str]]) -> None:
    """Run an execution, which returns the status it ends with."""
    taken_up = bool(work.checkpoints.recorded)
    known = {"kind": work.plan.kind.value, "platform": platform_of(work.plan)}
    spanned = {
        "unship.execution.id": work.execution_id,
        "unship.execution.kind": known["kind"],
        "unship.execution.taken_up": str(taken_up).lower(),
        "unship.platform": known["platform"],
    }
    with TRACING.span(f"execution {known['kind']}", Kind.EXECUTION, spanned) as span:
        (TAKEN_UP if taken_up else STARTED).add(*known.values())
        logger.info("execution %s", "taken up again" if taken_up else "started", extra=facts(**known))
        try:
            status = await run()
        except asyncio.CancelledError:
            logger.info("execution let go: whoever serves next takes it up again", extra=facts(**known))
            raise
        span.set("unship.execution.status", status)
        seconds = (now() - work.accepted_at).total_seconds()
        FINISHED.add(*known.values(), status)
        DURATION.add(seconds, *known.values(), status)
        logger.info("execution ended", extra=facts(**known, status=status, seconds=round(seconds, 3)))


def platform_of(plan: Plan) -> str:
    """The one deployment type of a plan; a word for none and for several, so that nothing counts twice."""
    types = {stage.deployment_type for stage in plan.stages if stage.deployment_type is not None}
    if len(types) > 1:
        return SEVERAL
    return next((one.value for one in types), NO_PLATFORM)
