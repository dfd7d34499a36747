"""What the operator's own policies say of a rollback: which facts give which reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from db.queries.approvals import ApprovalRow
from db.statuses import ApprovalStatus, ExecutionStatus, StageStatus
from pipelines.freezing import Freeze
from rollback.circumstances import Surroundings
from rollback.facts import DeploymentFacts
from rollback.policies import policy_reasons
from rollback.values import Reason, ReasonCode, Severity
from tests.rollback.facts import AT, circumstances, deployment, stage, undo

SALE = Freeze("w1", "Sale", AT + timedelta(hours=1))
FREEZES = {"environment": (SALE,)}
WHY = {"FROZEN": "checkout is down"}


def reasons(facts: DeploymentFacts, around: Surroundings) -> list[Reason]:
    return list(policy_reasons(facts, circumstances(around=around)))


def test_nothing_is_held_back_where_no_window_holds() -> None:
    assert reasons(deployment(), Surroundings(overriding=frozenset({"environment"}), overrides=WHY)) == []
    assert reasons(deployment(stage(environment_id="other")), Surroundings(freezes=FREEZES)) == []


@pytest.mark.parametrize(
    ("may", "why", "severity", "remedy"),
    [
        (False, {}, Severity.BLOCKING, "whoever has the role admin"),
        (False, WHY, Severity.BLOCKING, "whoever has the role admin"),
        (True, {}, Severity.BLOCKING, "pass an override of FROZEN"),
        (True, WHY, Severity.WARNING, None),
    ],
)
def test_only_who_may_and_says_why_gets_a_warning(
    may: bool, why: dict[str, str], severity: Severity, remedy: str | None
) -> None:
    overriding = frozenset({"environment"}) if may else frozenset[str]()
    (reason,) = reasons(deployment(), Surroundings(freezes=FREEZES, overriding=overriding, overrides=why))
    assert (reason.code, reason.severity, reason.stage_id) == (ReasonCode.FROZEN, severity, "s-prod")
    assert (reason.freeze_window_id, reason.overridable) == ("w1", may)
    assert reason.set_aside == (severity is Severity.WARNING)
    assert 'the freeze window "Sale" holds until 2026-05-01 13:00 UTC' in reason.message
    assert (remedy is None and reason.remedy is None) or str(remedy) in str(reason.remedy)


def test_every_window_of_every_stage_that_will_be_undone_gives_one() -> None:
    undone = stage("undone", undos=(undo(StageStatus.SUCCEEDED, ExecutionStatus.FAILED),))
    never_ran = stage("skipped", status=StageStatus.SKIPPED)
    facts = deployment(stage("one"), undone, never_ran, stage("two"), stage("nowhere", environment_id=None))
    several = Surroundings(freezes={"environment": (SALE, Freeze("w2", "Holidays", None))})
    found = [(reason.stage_id, reason.freeze_window_id) for reason in reasons(facts, several)]
    assert found == [("s-one", "w1"), ("s-one", "w2"), ("s-two", "w1"), ("s-two", "w2")]


RULE = frozenset({"environment"})


def approval(by: str = "ann", status: ApprovalStatus = ApprovalStatus.APPROVED, **changes: Any) -> ApprovalRow:
    """Of the deployment that the facts are about, by bob if it was given."""
    decided = ("bob", AT, None) if status is ApprovalStatus.APPROVED else (None, None, None)
    plain = ApprovalRow(
        "a1", "e2", ["s-prod"], "hash", status, None, by, AT, AT + timedelta(hours=1), *decided, None
    )
    return plain._replace(**changes)


def required(*approvals: ApprovalRow, subject: str | None = "ann", facts: DeploymentFacts | None = None) -> Reason:
    around = Surroundings(requiring=RULE, approvals=approvals, subject=subject)
    (reason,) = reasons(facts or deployment(), around)
    assert reason.code is ReasonCode.APPROVAL_REQUIRED
    assert not reason.overridable
    return reason


def test_a_second_person_is_wanted_only_where_the_rule_is() -> None:
    assert reasons(deployment(stage(environment_id="other")), Surroundings(requiring=RULE, subject="ann")) == []
    undone = stage("undone", undos=(undo(StageStatus.SUCCEEDED, ExecutionStatus.FAILED),))
    facts = deployment(stage(), undone, stage("elsewhere", environment_id="other"))
    assert required(facts=facts).stage_id == "s-prod"


def test_who_asked_and_was_approved_gets_a_warning() -> None:
    reason = required(approval())
    assert (reason.severity, reason.remedy, reason.approval_id) == (Severity.WARNING, None, "a1")
    assert "bob has approved it for ann until 13:00 UTC" in reason.message


@pytest.mark.parametrize(
    ("given", "said", "remedy"),
    [
        ((), "nobody has been asked", "Ask with requestRollbackApproval"),
        ((approval("cid"),), "bob has approved it for cid", "cid can run it"),
        ((approval("cid", ApprovalStatus.PENDING),), "cid has asked for it", "Answer with approveRollback"),
        ((approval("ann", ApprovalStatus.PENDING),), "ann has asked for it", "Somebody else"),
        ((approval(execution_id="e9"),), "nobody has been asked", "Ask"),
        ((approval(stage_ids=["s-prod", "s-other"]),), "nobody has been asked", "Ask"),
        ((approval(stage_ids=[]),), "nobody has been asked", "Ask"),
    ],
)
def test_everything_else_forbids_and_says_what_to_do(
    given: tuple[ApprovalRow, ...], said: str, remedy: str
) -> None:
    reason = required(*given)
    assert reason.severity is Severity.BLOCKING
    assert said in reason.message
    assert remedy in str(reason.remedy)


def test_of_several_the_own_one_counts() -> None:
    others = approval("cid", id="a2"), approval("ann", ApprovalStatus.PENDING, id="a3")
    assert required(*others).approval_id == "a3"
    assert required(*others, approval(id="a4")).approval_id == "a4"
    assert required(*others, approval(id="a4")).severity is Severity.WARNING


def test_where_nobody_is_asked_who_he_is_nothing_helps_but_the_operator() -> None:
    reason = required(approval(), subject=None)
    assert reason.severity is Severity.BLOCKING
    assert "UNSHIP_AUTH=token or oidc" in str(reason.remedy)
