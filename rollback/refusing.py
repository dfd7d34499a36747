"""The expected noes that a verdict and a plan lead to. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rollback.values import Eligibility, Reason, RollbackPlanView, RollbackRefused, Severity


def blocking(eligibility: Eligibility) -> tuple[Reason, ...]:
    """The reasons that forbid it."""
    return tuple(reason for reason in eligibility.reasons if reason.severity is Severity.BLOCKING)


def ineligible(eligibility: Eligibility, reasons: Sequence[Reason]) -> RollbackRefused:
    """Refused for these reasons, of which there is at least one."""
    first = reasons[0]
    return RollbackRefused(first.code, first.message, eligibility, ("target",))


def certain(plan: RollbackPlanView) -> bool:
    """Whether every platform said what would change; otherwise another hash need not mean another world."""
    return all(stage.changes is not None for stage in plan.stages)


def stale_plan(plan: RollbackPlanView, what: str = "when you saw it") -> RollbackRefused:
    """Refused because the plan is another one by now."""
    message = f"The plan is no longer what it was {what}. Look at the new one and decide again."
    return RollbackRefused("PLAN_STALE", message, plan.eligibility, ("planHash",), plan)
