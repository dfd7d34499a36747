"""What the operator's own policies say of a rollback: which facts give which reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from db.statuses import ExecutionStatus, StageStatus
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
