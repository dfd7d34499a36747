"""Rows of one table by a unique column, for any number of keys in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlmodel import SQLModel

from db.queries.columns import table_of

RowT = TypeVar("RowT", bound=tuple[Any, ...])


async def rows_by(
    connection: AsyncConnection | AsyncSession,
    model: type[SQLModel],
    row: type[RowT],
    column: str,
    keys: Sequence[str],
) -> list[RowT | None]:
    """The row of each key in key order, None where there is none."""
    names: tuple[str, ...] = getattr(row, "_fields")  # noqa: B009 - tuple has none, each named tuple has
    rows = await connection.execute(_keyed(table_of(model), column, names), {"keys": keys})
    found = {value: row(*values) for value, *values in rows}
    return [found.get(value) for value in keys]


async def values_by_id(
    connection: AsyncConnection, model: type[SQLModel], column: str, ids: Sequence[str]
) -> list[Any]:
    """One column of each row in key order, None where there is no such row: for what lists leave out."""
    rows = await connection.execute(_keyed(table_of(model), "id", (column,)), {"keys": ids})
    found: dict[str, Any] = {row[0]: row[1] for row in rows}
    return [found.get(key) for key in ids]


@cache
def _keyed(table: sa.Table[Any], column: str, names: tuple[str, ...]) -> sa.Select[*tuple[Any, ...]]:
    """Made once: to build a statement takes longer than to run it."""
    columns = table.c
    key = columns[column]
    return sa.select(key, *(columns[name] for name in names)).where(key.in_(sa.bindparam("keys", expanding=True)))
