"""Writes what runs on a target now into the stored instances. Imports the pure diff and db."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import UtcDateTime, new_id, now
from db.tables import Execution, Instance, Stage, Target
from pipelines.instance_diff import Diff, StoredInstance, columns_of, diff
from providers.values import LiveInstance

_CHUNK = 500


@dataclass(frozen=True)
class TargetRow:
    """A target by the database ids of itself and its parts."""

    id: str
    service_id: str
    environment_id: str
    infrastructure_id: str


@dataclass(frozen=True)
class StageMark:
    """The stage that put instances into their present state: of which execution, by whom, and when it had."""

    stage_id: str
    execution_id: str
    by: str
    at: datetime


async def record_instances(
    session: AsyncSession, target: TargetRow, live: Sequence[LiveInstance], mark: StageMark | None = None
) -> Diff:
    """Make the target's stored instances equal to `live`, within the caller's transaction.

    With `mark` every one of them then points at that stage, the untouched ones too: what a stage left alone is in
    the state the stage wanted. Without, as between executions, the known ones keep their stage, and new ones
    (autoscaling, a restarted pod) inherit the stage that the target is in.
    """
    at = now()
    # Serialises with every other writer of this target's instances; SQLite has one writer anyway.
    await session.execute(sa.select(col(Target.id)).where(col(Target.id) == target.id).with_for_update())
    found = diff(await _stored(session, target.id), live)
    for start in range(0, len(found.removed), _CHUNK):
        chunk = found.removed[start : start + _CHUNK]
        await session.execute(sa.update(Instance).where(col(Instance.id).in_(chunk)).values(removed_at=at))
    for row_id, instance in found.updated:
        await session.execute(sa.update(Instance).where(col(Instance.id) == row_id).values(**columns_of(instance)))
    if found.added:
        origin = _mark_columns(mark or await _current_mark(session, target.id))
        rows = [_new_row(target, instance) | origin for instance in found.added]
        await session.execute(sa.insert(Instance), rows)
    values = {"seen_at": at} | (_mark_columns(mark) if mark is not None else {})
    await session.execute(sa.update(Instance).where(*live_rows(target.id)).values(**values))
    return found


def live_rows(target_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    """The condition for a target's instances that the platform still lists."""
    return col(Instance.target_id) == target_id, col(Instance.removed_at).is_(None)


async def _stored(session: AsyncSession, target_id: str) -> list[StoredInstance]:
    columns = (
        col(Instance.group),
        col(Instance.display_name),
        col(Instance.image),
        col(Instance.tag),
        col(Instance.digest),
        col(Instance.revision),
        col(Instance.health),
        col(Instance.details),
    )
    rows = await session.execute(
        sa.select(col(Instance.id), col(Instance.key), *columns).where(*live_rows(target_id))
    )
    return [
        StoredInstance(row["id"], row["key"], {name: row[name] for name in row if name not in ("id", "key")})
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


def _mark_columns(mark: StageMark | None) -> dict[str, Any]:
    return {
        "stage_id": mark.stage_id if mark else None,
        "execution_id": mark.execution_id if mark else None,
        "deployed_by": mark.by if mark else None,
        "deployed_at": mark.at if mark else None,
    }


async def _current_mark(session: AsyncSession, target_id: str) -> StageMark | None:
    """The stage that the target is in; None where Unship never deployed to it."""
    when = sa.func.coalesce(
        col(Stage.finished_at), col(Target.last_deployed_at), col(Execution.created_at), type_=UtcDateTime
    )
    row = (
        await session.execute(
            sa.select(col(Stage.id), col(Stage.execution_id), col(Execution.triggered_by), when)
            .join_from(Target, Stage, col(Stage.id) == col(Target.current_stage_id))
            .join(Execution, col(Execution.id) == col(Stage.execution_id))
            .where(col(Target.id) == target_id)
        )
    ).first()
    return StageMark(*row) if row is not None else None
