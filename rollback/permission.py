"""What somebody may know and undo of what he names: foreign executions are to him as if they did not exist."""

from __future__ import annotations

from collections.abc import Sequence

from db.columns import now
from db.queries.approvals import open_approvals, requiring_approval
from db.security.access import Access
from pipelines.freezing import freezes_in
from pipelines.permission import forbidden_environments, sees_execution
from pipelines.scope import Reader
from rollback.approvals import needing
from rollback.circumstances import Surroundings
from rollback.errors import not_found
from rollback.facts import DeploymentFacts
from rollback.values import Scope


async def require_seen(reader: Reader, access: Access, scope: Scope, facts: DeploymentFacts) -> None:
    """Raises ScopeNotFound, in the words for what is not there, where he may not see the execution."""
    if not await sees_execution(reader, access, facts.mark.execution_id):
        raise not_found(scope)


async def surroundings(reader: Reader, access: Access, several: Sequence[DeploymentFacts]) -> Surroundings:
    """What holds now in the environments of these deployments, for somebody with this access."""
    at = now()
    places = {stage.environment_id for facts in several for stage in facts.stages} - {None}
    freezes = await freezes_in(reader, places, at)
    requiring = await requiring_approval(reader, [place for place in places if place is not None])
    executions = {facts.mark.execution_id for facts in several if needing(facts, requiring)}
    return Surroundings(
        forbidden=frozenset(await forbidden_environments(reader, access, places)),
        freezes=freezes,
        overriding=frozenset(one for one in freezes if access.may_override_freeze(one)),
        requiring=requiring,
        approvals=tuple(await open_approvals(reader, sorted(executions), at)) if executions else (),
        subject=access.subject,
    )
