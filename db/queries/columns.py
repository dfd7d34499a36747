"""Rows as named tuples whose field names are column names, and the columns to select for them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlmodel import SQLModel


def table_of(model: type[SQLModel]) -> sa.Table[Any]:
    table: Any = sa.inspect(model).local_table
    return table


def columns_of(model: type[SQLModel], row: type[tuple[Any, ...]]) -> tuple[sa.SQLColumnExpression[Any], ...]:
    """The model's columns for each field of the row, in the row's order; KeyError for a field it lacks."""
    table = table_of(model)
    names: tuple[str, ...] = getattr(row, "_fields")  # noqa: B009 - tuple has none, each named tuple has
    return tuple(table.c[name] for name in names)
