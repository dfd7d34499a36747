"""What a second person's approval of a rollback is worth: for whom, for which stages, until when. Pure."""

from __future__ import annotations

from collections.abc import Collection

from db.queries.approvals import ApprovalRow
from db.statuses import ApprovalStatus
from rollback.circumstances import Surroundings
from rollback.facts import DeploymentFacts, StageFacts, undone_before

HOW_TO_GET_NAMES = (
    "An operator can give callers names with UNSHIP_AUTH=token or oidc, or take requireRollbackApproval off the "
    "environment."
)


def needing(facts: DeploymentFacts, requiring: Collection[str]) -> tuple[StageFacts, ...]:
    """The stages whose undoing a second person has to approve."""
    return tuple(
        stage
        for stage in facts.stages
        if stage.ran and undone_before(stage) is None and stage.environment_id in requiring
    )


def scope_of(facts: DeploymentFacts) -> list[str]:
    """What an approval is for: these stages, no more and no fewer."""
    return sorted(stage.id for stage in facts.stages)


def usable(facts: DeploymentFacts, around: Surroundings) -> ApprovalRow | None:
    """The approval that who asks can use for this scope; None where none is needed, or there."""
    if not needing(facts, around.requiring):
        return None
    given = (one for one in _of_scope(facts, around) if one.status is ApprovalStatus.APPROVED)
    return next((one for one in given if one.requested_by == around.subject), None)


def nearest(facts: DeploymentFacts, around: Surroundings) -> ApprovalRow | None:
    """Of the open ones for this scope the one that matters most to who asks: his own, then one that is given."""
    return min(
        _of_scope(facts, around),
        key=lambda one: (one.requested_by != around.subject, one.status is not ApprovalStatus.APPROVED),
        default=None,
    )


def _of_scope(facts: DeploymentFacts, around: Surroundings) -> list[ApprovalRow]:
    if around.subject is None:
        return []
    scope = scope_of(facts)
    return [
        one
        for one in around.approvals
        if one.execution_id == facts.mark.execution_id and sorted(one.stage_ids) == scope
    ]
