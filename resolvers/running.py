"""What somebody who sees only some environments is told of executions and places: nothing of the others."""

from __future__ import annotations

from dataclasses import replace

from db.queries.environments import environments_by_identifier
from db.queries.executions import executions_by_id
from db.queries.pipelines import pipelines_by_identifier
from db.queries.services import services_by_identifier
from pipelines.answers import Refused
from pipelines.instances import not_found
from pipelines.start import RunRequest, unknown_pipeline
from resolvers.loading import Loaders


async def still_seen(loaders: Loaders, execution_id: str) -> bool:
    """Whether the caller sees the execution at this moment: grants end while a stream is open."""
    if loaders.by.unrestricted:
        return True
    return await loaders.load(executions_by_id, execution_id) is not None


async def shown_refusal(loaders: Loaders, request: RunRequest, refused: Refused) -> Refused:
    """The refusal as the caller may read it: why a pipeline cannot run tells that there is one."""
    if (await loaders.access()).visible is None:
        return refused
    if await loaders.load(pipelines_by_identifier, request.pipeline_identifier) is None:
        return unknown_pipeline(request.pipeline_identifier)
    if refused.code == "TARGET_BUSY":
        return replace(refused, message="Another execution holds a target of this pipeline until it ends.")
    return refused


async def unseen_place(loaders: Loaders, service: str, environment: str) -> Refused | None:
    """The refusal for a service or environment that the caller does not see; None where nothing is hidden."""
    if (await loaders.access()).visible is None:
        return None
    if await loaders.load(services_by_identifier, service) is None:
        return not_found("service", service)
    if await loaders.load(environments_by_identifier, environment) is None:
        return not_found("environment", environment)
    return None
