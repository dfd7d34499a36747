"""Writes what runs on a target now into the stored instances. Imports the pure diff and db."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.columns import UtcDateTime, new_id, now
from db.tables import Execution, Instance, Stage, Target
from pipelines.instance_diff import Diff, StoredInstance, columns_of, diff, is_of_another_version
from providers.values import Artifact, LiveInstance

_CHUNK = 500
_ORIGIN = ("stage_id", "execution_id", "deployed_by", "deployed_at")


@dataclass(frozen=True)
class TargetRow:
    """A target by the database ids of itself and its parts."""

    id: str
    service_id: str
    environment_id: str
    infrastructure_id: str


@dataclass(frozen=True)
class StageMark:
    """The stage that put instances into their present state: of which execution, by whom, and when it had.

    `artifact` is what the stage was to have running.
    """

    stage_id: str
    execution_id: str
    by: str
    at: datetime
    artifact: Artifact | None = None


async def record_instances(
    session: AsyncSession, target: TargetRow, live: Sequence[LiveInstance], mark: StageMark | None = None
) -> Diff:
    """Make the target's stored instances equal to `live`, within the caller's transaction.

    With `mark` every one of them then points at that stage, the untouched ones too: what a stage left alone is in
    the state the stage wanted. Not so what runs another version of the artifact, as an idle colour does: it keeps
    the stage that brought it. Without, as between executions, the known ones keep their stage. New ones
    (autoscaling, a restarted pod) inherit that of their like, or else the one that the target is in.
    """
    at = now()
    # Serialises with every other writer of this target's instances; SQLite has one writer anyway.
    await session.execute(sa.select(col(Target.id)).where(col(Target.id) == target.id).with_for_update())
    stored = await _stored(session, target.id)
    found = diff(stored, live)
    for start in range(0, len(found.removed), _CHUNK):
        chunk = found.removed[start : start + _CHUNK]
        await session.execute(sa.update(Instance).where(col(Instance.id).in_(chunk)).values(removed_at=at))
    for row_id, instance in found.updated:
        await session.execute(sa.update(Instance).where(col(Instance.id) == row_id).values(**columns_of(instance)))
    if found.added:
        newest = _mark_columns(mark or await _current_mark(session, target.id))
        alike = {_kind(row.columns): dict(row.origin) for row in stored}
        origins = (alike.get(_kind(columns_of(instance)), newest) for instance in found.added)
        rows = [_new_row(target, one) | origin for one, origin in zip(found.added, origins, strict=True)]
        await session.execute(sa.insert(Instance), rows)
    await session.execute(sa.update(Instance).where(*live_rows(target.id)).values(seen_at=at))
    if mark is not None:
        others = {one.key for one in live if is_of_another_version(one, mark.artifact)}
        brought = col(Instance.stage_id).is_(None) | col(Instance.key).not_in(others) if others else sa.true()
        marked = sa.update(Instance).where(*live_rows(target.id), brought)
        await session.execute(marked.values(**_mark_columns(mark)))
    return found


def _kind(columns: Mapping[str, Any]) -> tuple[Any, ...]:
    """What instances have in common that the same stage brought."""
    return tuple(columns[name] for name in ("group", "image", "tag", "revision"))


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
    origin = (
        col(Instance.stage_id),
        col(Instance.execution_id),
        col(Instance.deployed_by),
        col(Instance.deployed_at),
    )
    rows = await session.execute(
        sa.select(col(Instance.id), col(Instance.key), *columns, *origin).where(*live_rows(target_id))
    )
    return [
        StoredInstance(
            row["id"],
            row["key"],
            {name: row[name] for name in row if name not in ("id", "key", *_ORIGIN)},
            {name: row[name] for name in _ORIGIN},
        )
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
