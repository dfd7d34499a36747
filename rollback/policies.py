"""Rules of the operator's own making that hold a rollback back, each giving its reasons. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from db.queries.approvals import ApprovalRow
from db.statuses import ApprovalStatus
from pipelines.freezing import HOW_TO_OVERRIDE, WHO_OVERRIDES
from rollback.approvals import HOW_TO_GET_NAMES, nearest, needing, usable
from rollback.circumstances import Circumstances
from rollback.facts import DeploymentFacts, undone_before
from rollback.values import Reason, ReasonCode, Severity


def policy_reasons(facts: DeploymentFacts, circumstances: Circumstances) -> Iterator[Reason]:
    """Every reason that the policies give."""
    yield from frozen(facts, circumstances)
    yield from approval_required(facts, circumstances)


def frozen(facts: DeploymentFacts, circumstances: Circumstances) -> Iterator[Reason]:
    """Windows that hold where a stage would be undone; a warning where they are overridden by who may do so."""
    around = circumstances.around
    justified = ReasonCode.FROZEN in around.overrides
    for stage in facts.stages:
        if not stage.ran or undone_before(stage) is not None or stage.environment_id is None:
            continue
        may = stage.environment_id in around.overriding
        for freeze in around.freezes.get(stage.environment_id, ()):
            set_aside = justified and may
            yield Reason(
                ReasonCode.FROZEN,
                f'Stage "{stage.planned.name}": {freeze}{", and is overridden" if set_aside else ""}.',
                None if set_aside else f"Wait for its end, or {HOW_TO_OVERRIDE}." if may else _others_may(),
                Severity.WARNING if set_aside else Severity.BLOCKING,
                stage.id,
                overridable=may,
                freeze_window_id=freeze.window_id,
                set_aside=set_aside,
            )


def _others_may() -> str:
    return f"Wait for its end; {WHO_OVERRIDES}."


def approval_required(facts: DeploymentFacts, circumstances: Circumstances) -> Iterator[Reason]:
    """Environments that want a second person's word; a warning where who asks has it."""
    around = circumstances.around
    stages = needing(facts, around.requiring)
    if not stages:
        return
    approval = nearest(facts, around)
    given = usable(facts, around) is not None
    said, remedy = _about(approval, around.subject)
    for stage in stages:
        yield Reason(
            ReasonCode.APPROVAL_REQUIRED,
            f'Stage "{stage.planned.name}": a second person has to approve rollbacks in its environment; {said}.',
            None if given else remedy,
            Severity.WARNING if given else Severity.BLOCKING,
            stage.id,
            approval_id=None if approval is None else approval.id,
        )


def _about(approval: ApprovalRow | None, subject: str | None) -> tuple[str, str]:
    """How far the approval is, and what to do next."""
    if subject is None:
        return "nobody is asked who he is here, so there is no second one", HOW_TO_GET_NAMES
    if approval is None:
        return "nobody has been asked", "Ask with requestRollbackApproval and the hash of the plan."
    until = f"{approval.expires_at:%H:%M} UTC"
    own = approval.requested_by == subject
    if approval.status is ApprovalStatus.APPROVED:
        said = f"{approval.decided_by} has approved it for {approval.requested_by} until {until}"
        return said, f"{approval.requested_by} can run it; or ask for yourself with requestRollbackApproval."
    said = f"{approval.requested_by} has asked for it, and waits for an answer until {until}"
    if own:
        return said, "Somebody else who may roll back there has to answer, with approveRollback or rejectRollback."
    return said, "Answer with approveRollback or rejectRollback, if you may roll back there."
