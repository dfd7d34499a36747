"""Creates configuration rows, or changes what is different in them. Imports the tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlmodel import SQLModel, col

from db.columns import now
from db.tables import Environment, EnvironmentGroup, FreezeWindow, Infrastructure, Pipeline, Service
from pipelines.documents.base import Model

RowT = TypeVar("RowT", Service, Environment, EnvironmentGroup, Infrastructure, Pipeline, FreezeWindow)
NamedT = TypeVar("NamedT", Service, Environment, EnvironmentGroup, Pipeline, FreezeWindow)


@dataclass(frozen=True)
class Written:
    """One document's row: `type_name` as the GraphQL schema calls it, `document` its position in the input."""

    document: int
    type_name: str
    id: str
    changed: bool


def definition_of(model: Model) -> dict[str, Any]:
    """A document as it is stored: what was written in it, in JSON, readable by the same model."""
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


async def existing(session: AsyncSession, table: type[NamedT], identifiers: Sequence[str]) -> dict[str, NamedT]:
    """The rows of these identifiers that there are."""
    rows = await session.scalars(sa.select(table).where(col(table.identifier).in_(identifiers)))
    return {row.identifier: row for row in rows}


async def ids_by_identifier(session: AsyncSession, table: type[NamedT]) -> dict[str, str]:
    """The id of every row of the table."""
    rows = await session.execute(sa.select(col(table.identifier), col(table.id)))
    return dict(rows.all())


def put(session: AsyncSession, table: type[RowT], row: RowT | None, columns: dict[str, Any]) -> tuple[RowT, bool]:
    """Create the row, or change what is different in it; tells whether there was anything to do."""
    if row is None:
        row = table(**columns)
        session.add(row)
        return row, True
    different = {name: value for name, value in columns.items() if getattr(row, name) != value}
    if different and "updated_at" in table.model_fields:
        different["updated_at"] = now()
    for name, value in different.items():
        setattr(row, name, value)
    return row, bool(different)


async def put_members(
    session: AsyncSession, table: type[SQLModel], owner: tuple[str, str], column: str, members: Iterable[str]
) -> bool:
    """Make these the members of the owner, a column and its value, in this order; tells whether they were not.

    The same one named twice is one member, at its first place.
    """
    wanted = tuple(dict.fromkeys(members))
    of_owner = _attribute(table, owner[0]) == owner[1]
    member, position = _attribute(table, column), _attribute(table, "position")
    stored = await session.scalars(sa.select(member).where(of_owner).order_by(position))
    if tuple(stored) == wanted:
        return False
    await session.execute(sa.delete(table).where(of_owner))
    session.add_all(
        table(**{owner[0]: owner[1], column: one, "position": position}) for position, one in enumerate(wanted)
    )
    return True


def _attribute(table: type[SQLModel], name: str) -> InstrumentedAttribute[Any]:
    found: InstrumentedAttribute[Any] = getattr(table, name)
    return found
