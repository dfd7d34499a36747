"""Retires what is old: executions that ended long ago, with everything of theirs, and instances that are gone.

An execution stays for as long as anything may still ask for it, whatever its age: a rollback, the dashboard, the
present state of a target. It and the tries to undo it go together, or stay together.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import SQLModel, col

from db.columns import identifier_at, now
from db.database import Database
from db.tables import (
    Checkpoint,
    Event,
    Execution,
    ExecutionTarget,
    IdempotencyKey,
    Instance,
    RollbackApproval,
    Stage,
    Step,
    Target,
)
from pipelines.keeping import kept_going
from pipelines.runtime import Runtime

logger = logging.getLogger(__name__)

_PASS_SECONDS = 3600.0
# How often a process that does not lead looks whether it does by now.
_ASIDE_SECONDS = 2.0
# Small transactions with pauses: others want to write as well.
_EXECUTIONS_AT_ONCE = 20
_INSTANCES_AT_ONCE = 500
_PAUSE_SECONDS = 0.02

# What belongs to an execution, and goes with it.
OWNED: tuple[type[SQLModel], ...] = (Event, Checkpoint, IdempotencyKey, ExecutionTarget, RollbackApproval)


@dataclass(frozen=True)
class Retired:
    """How many rows of each went."""

    executions: int
    instances: int


async def keep_retired(runtime: Runtime, leads: Callable[[], bool] = lambda: True) -> None:
    """Retire what is older than `rules.retention_days`, hourly, while this process `leads`; until cancelled."""
    days = runtime.rules.retention_days
    while days:
        if not leads():
            await asyncio.sleep(_ASIDE_SECONDS)
            continue
        with kept_going(f"what is older than {days:g} days could not be retired"):
            retired = await retire(runtime.database, now() - timedelta(days=days))
            if retired != Retired(0, 0):
                logger.info("retired %d executions and %d instances", retired.executions, retired.instances)
        await asyncio.sleep(_PASS_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311


async def retire(database: Database, before: datetime) -> Retired:
    """Delete the instances that were gone before then, and the executions that had ended and are not needed."""
    instances = await _retire_instances(database, before)
    executions, after = 0, ""
    while old := await _old(database, after, before):
        after = old[-1]
        async with database.write() as session:
            executions += await _delete(session, await _unneeded(session, old, before))
        await asyncio.sleep(_PAUSE_SECONDS)
    return Retired(executions, instances)


async def _retire_instances(database: Database, before: datetime) -> int:
    gone = sa.select(col(Instance.id)).where(col(Instance.removed_at) < before).limit(_INSTANCES_AT_ONCE)
    deleting = sa.delete(Instance).where(col(Instance.id).in_(gone)).returning(col(Instance.id))
    total = 0
    while True:
        async with database.write() as session:
            deleted = len((await session.execute(deleting)).all())
        total += deleted
        if deleted < _INSTANCES_AT_ONCE:
            return total
        await asyncio.sleep(_PAUSE_SECONDS)


async def _old(database: Database, after: str, before: datetime) -> Sequence[str]:
    """The next executions that ended before then, oldest first; the identifiers bound what is looked at."""
    identity = col(Execution.id)
    query = (
        sa.select(identity)
        .where(identity > after, identity < identifier_at(before), col(Execution.finished_at) < before)
        .order_by(identity)
        .limit(_EXECUTIONS_AT_ONCE)
    )
    async with database.read() as connection:
        return (await connection.execute(query)).scalars().all()


async def _unneeded(session: AsyncSession, old: Sequence[str], before: datetime) -> list[str]:
    """Of the families of these executions, a deployment with the tries to undo it, those nobody asks for."""
    root = sa.func.coalesce(col(Execution.original_execution_id), col(Execution.id))
    roots = (await session.execute(sa.select(root).where(col(Execution.id).in_(old)))).scalars().all()
    in_family = col(Execution.id).in_(roots) | col(Execution.original_execution_id).in_(roots)
    members = (
        await session.execute(
            sa.select(col(Execution.id), root.label("root"), col(Execution.finished_at)).where(in_family)
        )
    ).all()
    needed = await _needed(session, [member.id for member in members])
    needed |= {one.id for one in members if one.finished_at is None or one.finished_at >= before}
    stays = {member.root for member in members if member.id in needed}
    return [member.id for member in members if member.root not in stays]


async def _needed(session: AsyncSession, executions: Sequence[str]) -> set[str]:
    """Those with a stage that a target is in, that deployed it last or came to it last, or that instances name."""
    later = aliased(Stage)
    newest = ~sa.exists().where(col(later.target_id) == col(Stage.target_id), col(later.id) > col(Stage.id))
    present = sa.or_(
        col(Target.current_stage_id) == col(Stage.id), col(Target.deployed_stage_id) == col(Stage.id), newest
    )
    of_these = col(Stage.execution_id).in_(executions)
    queries = (
        sa.select(col(Stage.execution_id))
        .join(Target, col(Target.id) == col(Stage.target_id))
        .where(of_these, present),
        sa.select(col(Stage.execution_id)).where(
            of_these, sa.exists().where(col(Instance.stage_id) == col(Stage.id))
        ),
        sa.select(col(Execution.id)).where(
            col(Execution.id).in_(executions), sa.exists().where(col(Instance.execution_id) == col(Execution.id))
        ),
    )
    found: set[str] = set()
    for query in queries:
        found.update((await session.execute(query)).scalars())
    return found


async def _delete(session: AsyncSession, executions: Collection[str]) -> int:
    """Delete them with everything of theirs; foreign keys refuse it where something else names them by now."""
    if not executions:
        return 0
    stages = sa.select(col(Stage.id)).where(col(Stage.execution_id).in_(executions))
    for model in OWNED:
        owner: Any = getattr(model, "execution_id")  # noqa: B009 - each of them has it, SQLModel has not
        await session.execute(sa.delete(model).where(owner.in_(executions)))
    await session.execute(sa.delete(Step).where(col(Step.stage_id).in_(stages)))
    await session.execute(sa.delete(Stage).where(col(Stage.execution_id).in_(executions)))
    await session.execute(sa.delete(Execution).where(col(Execution.id).in_(executions)))
    return len(executions)
