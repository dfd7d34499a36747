"""Writes what runs on a target now into the stored instances. Imports the pure diff and db."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import UtcDateTime, new_id, now
from db.statuses import StageStatus
from db.tables import Execution, Instance, Stage, Target
from pipelines.claiming import NOBODY, Claim, StageMark, origins
from pipelines.instance_diff import PLATFORM_COLUMNS, Diff, StoredInstance, columns_of, diff
from providers.values import Artifact, LiveInstance

_CHUNK = 500


@dataclass(frozen=True)
class TargetRow:
    """A target by the database ids of itself and its parts."""

    id: str
    service_id: str
    environment_id: str
    infrastructure_id: str


async def record_instances(
    session: AsyncSession, target: TargetRow, live: Sequence[LiveInstance], mark: StageMark | None = None
) -> Diff:
    """Make the target's stored instances equal to `live`, within the caller's transaction.

    With `mark` those that its stage claims then point at it. Without, as between executions, the known ones keep
    their stage.
    """
    at = now()
    # Serialises with every other writer of this target's instances; SQLite has one writer anyway.
    await session.execute(sa.select(col(Target.id)).where(col(Target.id) == target.id).with_for_update())
    stored = await _stored(session, target.id)
    found = diff(stored, live)
    for chunk in _chunks(found.removed):
        await session.execute(sa.update(Instance).where(col(Instance.id).in_(chunk)).values(removed_at=at))
    for row_id, instance in found.updated:
        await session.execute(sa.update(Instance).where(col(Instance.id) == row_id).values(**columns_of(instance)))
    if mark is None:
        mark = await _mark_of_the_stage_under_way(session, target.id)
    brought = origins(stored, live, mark, await _standing(session, target.id) if found.added else NOBODY)
    if found.added:
        rows = [_new_row(target, instance) | dict(brought[instance.key]) for instance in found.added]
        await session.execute(sa.insert(Instance), rows)
    own = mark.columns if mark is not None else {}
    claimed = {instance.key for instance in live if own and brought.get(instance.key) == own}
    here = sa.update(Instance).where(*live_rows(target.id))
    await session.execute(here.values(seen_at=at, **(own if len(claimed) == len(live) else {})))
    if len(claimed) < len(live):
        for chunk in _chunks([row.id for row in stored if row.key in claimed]):
            await session.execute(here.where(col(Instance.id).in_(chunk)).values(**own))
    return replace(found, claimed=len(claimed))


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))


def live_rows(target_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    """The condition for a target's instances that the platform still lists."""
    return col(Instance.target_id) == target_id, col(Instance.removed_at).is_(None)


async def _stored(session: AsyncSession, target_id: str) -> list[StoredInstance]:
    names = ("id", "key", *PLATFORM_COLUMNS, *NOBODY)
    columns = [sa.inspect(Instance).columns[name] for name in names]
    rows = await session.execute(sa.select(*columns).where(*live_rows(target_id)))
    return [
        StoredInstance(row["id"], row["key"], _part(row, PLATFORM_COLUMNS), _part(row, NOBODY))
        for row in rows.mappings()
    ]


def _new_row(target: TargetRow, instance: LiveInstance) -> dict[str, Any]:
    return {
        "id": new_id(),
        "target_id": target.id,
        "service_id": target.service_id,
        "environment_id": target.environment_id,
        "infrastructure_id": target.infrastructure_id,
        "key": instance.key,
        **columns_of(instance),
    }


def _part(row: sa.RowMapping, names: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}


_MARK = (col(Stage.id), col(Stage.execution_id), col(Execution.triggered_by))


async def _standing(session: AsyncSession, target_id: str) -> dict[str, Any]:
    """The stage that the target is in; nobody's where Unship never deployed to it."""
    when = sa.func.coalesce(
        col(Stage.finished_at), col(Target.last_deployed_at), col(Execution.created_at), type_=UtcDateTime
    )
    row = (
        await session.execute(
            sa.select(*_MARK, when.label("at"))
            .join_from(Target, Stage, col(Stage.id) == col(Target.current_stage_id))
            .join(Execution, col(Execution.id) == col(Stage.execution_id))
            .where(col(Target.id) == target_id)
        )
    ).first()
    return StageMark(row.id, row.execution_id, row.triggered_by, row.at).columns if row is not None else NOBODY


async def _mark_of_the_stage_under_way(session: AsyncSession, target_id: str) -> StageMark | None:
    """A deployment's that has begun on the target and not ended."""
    row = (
        await session.execute(
            sa.select(*_MARK, col(Stage.started_at), col(Stage.artifact))
            .join(Execution, col(Execution.id) == col(Stage.execution_id))
            .where(
                col(Stage.target_id) == target_id,
                col(Stage.status).in_((StageStatus.RUNNING, StageStatus.VERIFYING)),
                col(Stage.original_stage_id).is_(None),
            )
        )
    ).first()
    if row is None:
        return None
    wanted = None if row.artifact is None else Artifact.model_validate(row.artifact)
    return StageMark(row.id, row.execution_id, row.triggered_by, row.started_at, Claim.WHAT_IT_BROUGHT, wanted)
