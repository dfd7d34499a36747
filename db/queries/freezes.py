"""Which freeze windows exist, and which environments they cover: those they name, and those of their groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlmodel import col

from db.queries.byid import rows_by
from db.queries.columns import columns_of
from db.queries.environments import EnvironmentRow, GroupRow
from db.queries.grouping import grouped
from db.queries.listing import Listing, SortKey
from db.tables import (
    Environment,
    EnvironmentGroup,
    EnvironmentGroupMember,
    FreezeWindow,
    FreezeWindowEnvironment,
    FreezeWindowGroup,
)


class FreezeWindowRow(NamedTuple):
    """`definition` is the parsed YAML document, which says when."""

    id: str
    identifier: str
    name: str
    definition: dict[str, Any]


@dataclass(frozen=True)
class FreezeWindows:
    """All freeze windows, by name."""

    def listing(self) -> Listing[FreezeWindowRow]:
        identity = col(FreezeWindow.id)
        order = (SortKey(col(FreezeWindow.name), "name", str), SortKey(identity, "id", str))
        columns = columns_of(FreezeWindow, FreezeWindowRow)
        return Listing("freeze_windows", FreezeWindowRow, columns, (identity,), sa.select(identity), order)


async def freeze_windows_by_id(connection: AsyncConnection, ids: Sequence[str]) -> list[FreezeWindowRow | None]:
    return await rows_by(connection, FreezeWindow, FreezeWindowRow, "id", ids)


async def freeze_windows_of_environments(
    reader: AsyncConnection | AsyncSession, environment_ids: Sequence[str]
) -> list[tuple[FreezeWindowRow, ...]]:
    """For each environment the freeze windows that cover it, by name."""
    pairs = covered()
    statement = (
        sa.select(pairs.c.environment_id, *columns_of(FreezeWindow, FreezeWindowRow))
        .join_from(pairs, FreezeWindow, col(FreezeWindow.id) == pairs.c.window_id)
        .where(pairs.c.environment_id.in_(environment_ids))
        .order_by(col(FreezeWindow.name), col(FreezeWindow.id))
    )
    return grouped(await reader.execute(statement), FreezeWindowRow, environment_ids)


async def environments_of_freeze_windows(
    connection: AsyncConnection, window_ids: Sequence[str]
) -> list[tuple[EnvironmentRow, ...]]:
    """For each freeze window the environments that it names, in their order."""
    window = col(FreezeWindowEnvironment.window_id)
    statement = (
        sa.select(window, *columns_of(Environment, EnvironmentRow))
        .join(FreezeWindowEnvironment, col(Environment.id) == col(FreezeWindowEnvironment.environment_id))
        .where(window.in_(window_ids))
        .order_by(col(FreezeWindowEnvironment.position))
    )
    return grouped(await connection.execute(statement), EnvironmentRow, window_ids)


async def groups_of_freeze_windows(
    connection: AsyncConnection, window_ids: Sequence[str]
) -> list[tuple[GroupRow, ...]]:
    """For each freeze window the groups that it names, in their order."""
    window = col(FreezeWindowGroup.window_id)
    statement = (
        sa.select(window, *columns_of(EnvironmentGroup, GroupRow))
        .join(FreezeWindowGroup, col(EnvironmentGroup.id) == col(FreezeWindowGroup.group_id))
        .where(window.in_(window_ids))
        .order_by(col(FreezeWindowGroup.position))
    )
    return grouped(await connection.execute(statement), GroupRow, window_ids)


def covered() -> sa.Subquery:
    """Each environment with each window that covers it, as `environment_id` and `window_id`."""
    named = sa.select(col(FreezeWindowEnvironment.environment_id), col(FreezeWindowEnvironment.window_id))
    grouped_ = sa.select(col(EnvironmentGroupMember.environment_id), col(FreezeWindowGroup.window_id)).join(
        FreezeWindowGroup, col(FreezeWindowGroup.group_id) == col(EnvironmentGroupMember.group_id)
    )
    return named.union(grouped_).subquery()
