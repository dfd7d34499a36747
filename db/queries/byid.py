"""Rows of one table by a unique column, for any number of keys in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel

from db.queries.columns import columns_of, table_of

RowT = TypeVar("RowT", bound=tuple[Any, ...])


async def rows_by(
    connection: AsyncConnection, model: type[SQLModel], row: type[RowT], column: str, keys: Sequence[str]
) -> list[RowT | None]:
    """The row of each key in key order, None where there is none."""
    key = table_of(model).c[column]
    statement = sa.select(key, *columns_of(model, row)).where(key.in_(keys))
    found = {value: row(*values) for value, *values in await connection.execute(statement)}
    return [found.get(value) for value in keys]


async def values_by_id(
    connection: AsyncConnection, model: type[SQLModel], column: str, ids: Sequence[str]
) -> list[Any]:
    """One column of each row in key order, None where there is no such row: for what lists leave out."""
    table = table_of(model)
    statement = sa.select(table.c.id, table.c[column]).where(table.c.id.in_(ids))
    found: dict[str, Any] = {row.id: row[1] for row in await connection.execute(statement)}
    return [found.get(key) for key in ids]
