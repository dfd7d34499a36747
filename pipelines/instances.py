"""Keeps the stored instances equal to what the platforms list: at each stage's end, on request and periodically.

A platform that cannot be asked changes nothing but the health: its instances stay as last seen, UNKNOWN.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import now
from db.tables import Environment, Infrastructure, Instance, Service, Target
from pipelines.answers import Refused
from pipelines.instance_records import StageMark, TargetRow, live_rows, record_instances
from pipelines.keeping import kept_going
from pipelines.records import open_records
from pipelines.runtime import Runtime
from providers.errors import ProviderError, ProviderTimedOut
from providers.values import DeploymentType, InstanceHealth, LiveInstance

__all__ = ["StageMark", "TargetRow", "keep_synced", "record_instances", "sync_instances", "sync_target"]

logger = logging.getLogger(__name__)

_LIST_SECONDS = 30.0
_SYNCS_AT_ONCE = 8
_PASSES_PER_INTERVAL = 10
# How often a process that does not lead looks whether it does by now.
_ASIDE_SECONDS = 2.0


@dataclass(frozen=True)
class _Known:
    """A target as it was before its platform was asked."""

    row: TargetRow
    deployment_type: DeploymentType
    resolved: dict[str, Any] | None
    version: tuple[datetime | None, str | None]


async def sync_target(runtime: Runtime, target_id: str) -> int:
    """Ask the platform what runs on the target now and store it; returns how many instances changed.

    A target that was never deployed to, or whose platform nobody carries, changes nothing. Raises ProviderError
    where the platform cannot be asked; its instances then stay as last seen, with health UNKNOWN.
    """
    known = await _known(runtime, target_id)
    if known is None or known.resolved is None or runtime.registry.find(known.deployment_type) is None:
        return 0
    try:
        live = await _list(runtime, known.deployment_type, known.resolved)
    except ProviderError:
        await _doubt(runtime, target_id)
        raise
    async with runtime.database.write() as session:
        # A stage that ended, or another sync, while the platform was asked knows better.
        if await _version(session, target_id) != known.version:
            return 0
        found = await record_instances(session, known.row, live)
        await session.execute(sa.update(Target).where(col(Target.id) == target_id).values(synced_at=now()))
    return len(found)


async def sync_instances(
    runtime: Runtime, service_identifier: str, environment_identifier: str
) -> tuple[str, ...] | Refused:
    """Sync every target of a service in an environment; returns the ids of its live instances.

    Refused with NOT_FOUND, or with PROVIDER_UNREACHABLE and what the platform said.
    """
    async with runtime.database.read() as connection:
        service_id = await connection.scalar(
            sa.select(col(Service.id)).where(col(Service.identifier) == service_identifier)
        )
        environment_id = await connection.scalar(
            sa.select(col(Environment.id)).where(col(Environment.identifier) == environment_identifier)
        )
        place = (col(Target.service_id) == service_id, col(Target.environment_id) == environment_id)
        targets = (
            await connection.scalars(sa.select(col(Target.id)).where(*place).order_by(col(Target.id)))
        ).all()
    if service_id is None:
        return not_found("service", service_identifier)
    if environment_id is None:
        return not_found("environment", environment_identifier)
    for target_id in targets:
        try:
            await sync_target(runtime, target_id)
        except ProviderError as error:
            return Refused("PROVIDER_UNREACHABLE", str(error))
    async with runtime.database.read() as connection:
        here = (col(Instance.service_id) == service_id, col(Instance.environment_id) == environment_id)
        live = sa.select(col(Instance.id)).where(*here, col(Instance.removed_at).is_(None))
        return tuple((await connection.scalars(live.order_by(col(Instance.id)))).all())


async def keep_synced(runtime: Runtime, leads: Callable[[], bool] = lambda: True) -> None:
    """Sync every target once per `rules.instance_sync_seconds`, until cancelled; whatever fails, the rest goes on.

    Each pass takes the targets that are due, while this process `leads` those on its database.
    """
    interval = runtime.rules.instance_sync_seconds
    not_before: dict[str, float] = {}
    limit = asyncio.Semaphore(_SYNCS_AT_ONCE)

    async def sync(target_id: str) -> None:
        async with limit:
            await _sync_quietly(runtime, target_id)

    while True:
        if not leads():
            await asyncio.sleep(_ASIDE_SECONDS)
            continue
        with kept_going("the targets due for a sync could not be read"):
            moment = time.monotonic()
            not_before = {key: at for key, at in not_before.items() if at > moment}
            due = [key for key in await _due(runtime, interval) if key not in not_before]
            not_before |= dict.fromkeys(due, moment + interval)
            await asyncio.gather(*(sync(target_id) for target_id in due))
        # Jitter, so that several servers do not ask the same platform at the same moment for ever.
        await asyncio.sleep(interval / _PASSES_PER_INTERVAL * random.uniform(0.8, 1.2))  # noqa: S311


async def _sync_quietly(runtime: Runtime, target_id: str) -> None:
    with kept_going(f"target {target_id} could not be synced"):
        try:
            await sync_target(runtime, target_id)
        except ProviderError as error:
            logger.warning("target %s could not be synced: %s", target_id, error)


async def _due(runtime: Runtime, interval: float) -> Sequence[str]:
    synced, moment = col(Target.synced_at), now()
    # One that was synced later than now, was so before the clock was set back.
    stale = sa.or_(synced.is_(None), synced < moment - timedelta(seconds=interval), synced > moment)
    query = sa.select(col(Target.id)).where(col(Target.resolved).is_not(None), stale)
    async with runtime.database.read() as connection:
        return (await connection.scalars(query)).all()


async def _known(runtime: Runtime, target_id: str) -> _Known | None:
    async with runtime.database.read() as connection:
        row = (
            await connection.execute(
                sa.select(
                    col(Target.service_id),
                    col(Target.environment_id),
                    col(Target.infrastructure_id),
                    col(Infrastructure.deployment_type),
                    col(Target.resolved),
                    col(Target.synced_at),
                    col(Target.current_stage_id),
                )
                .join_from(Target, Infrastructure, col(Infrastructure.id) == col(Target.infrastructure_id))
                .where(col(Target.id) == target_id)
            )
        ).first()
    if row is None:
        return None
    place = TargetRow(target_id, row.service_id, row.environment_id, row.infrastructure_id)
    return _Known(place, row.deployment_type, row.resolved, (row.synced_at, row.current_stage_id))


async def _version(session: AsyncSession, target_id: str) -> tuple[datetime | None, str | None]:
    row = (
        await session.execute(
            sa.select(col(Target.synced_at), col(Target.current_stage_id))
            .where(col(Target.id) == target_id)
            .with_for_update()
        )
    ).one()
    return row.synced_at, row.current_stage_id


async def _list(
    runtime: Runtime, deployment_type: DeploymentType, resolved: dict[str, Any]
) -> tuple[LiveInstance, ...]:
    records = open_records(runtime, deployment_type, resolved, None, set())
    try:
        async with asyncio.timeout(_LIST_SECONDS):
            return await records.provider.instances(records.target, records.release)
    except TimeoutError as error:
        raise ProviderTimedOut(f"Its instances could not be listed within {_LIST_SECONDS:g} s.") from error


async def _doubt(runtime: Runtime, target_id: str) -> None:
    async with runtime.database.write() as session:
        await session.execute(
            sa.update(Instance).where(*live_rows(target_id)).values(health=InstanceHealth.UNKNOWN)
        )


def not_found(kind: str, identifier: str) -> Refused:
    return Refused("NOT_FOUND", f'There is no {kind} "{identifier}".', (f"{kind}Identifier",))
