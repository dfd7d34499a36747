"""Whether the caller is the second person that a request for approval waits for."""

from __future__ import annotations

import asyncio

from db.columns import now
from db.queries.approvals import ApprovalRow
from db.queries.environments import environments_by_id
from db.queries.stages import stages_by_id
from db.statuses import ApprovalStatus
from resolvers.loading import Loaders


async def may_decide(loaders: Loaders, row: ApprovalRow) -> bool:
    """Whether it waits, for somebody else than who asked, and he may roll back wherever its stages are."""
    access = await loaders.access()
    if row.status_at(now()) is not ApprovalStatus.PENDING or access.subject in (None, row.requested_by):
        return False
    stages = await asyncio.gather(*(loaders.load(stages_by_id, key) for key in row.stage_ids))
    places = {stage.environment_id for stage in stages if stage is not None and stage.environment_id is not None}
    found = await asyncio.gather(*(loaders.load(environments_by_id, place) for place in places))
    return all(one is not None and access.may_act_in(one.id, one.type) for one in found)
