"""What somebody may know and undo of what he names: foreign executions are to him as if they did not exist."""

from __future__ import annotations

from collections.abc import Iterable

from db.security.access import Access
from pipelines.permission import forbidden_environments, sees_execution
from pipelines.scope import Reader
from rollback.errors import not_found
from rollback.facts import DeploymentFacts
from rollback.values import Scope


async def require_seen(reader: Reader, access: Access, scope: Scope, facts: DeploymentFacts) -> None:
    """Raises ScopeNotFound, in the words for what is not there, where he may not see the execution."""
    if not await sees_execution(reader, access, facts.mark.execution_id):
        raise not_found(scope)


async def forbidden_in(reader: Reader, access: Access, several: Iterable[DeploymentFacts]) -> frozenset[str]:
    """The ids of those environments of these deployments in which he may not roll back."""
    places = {stage.environment_id for facts in several for stage in facts.stages}
    return frozenset(await forbidden_environments(reader, access, places))
