"""Rules of the operator's own making that hold a rollback back, each giving its reasons. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.freezing import HOW_TO_OVERRIDE, WHO_OVERRIDES
from rollback.circumstances import Circumstances
from rollback.facts import DeploymentFacts, undone_before
from rollback.values import Reason, ReasonCode, Severity


def policy_reasons(facts: DeploymentFacts, circumstances: Circumstances) -> Iterator[Reason]:
    """Every reason that the policies give."""
    yield from frozen(facts, circumstances)


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
