"""Keyset-paginated lists: one statement answers one window of a list for any number of parents.

A list without parents is a list of the one parent `()`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from db.folding import Folded
from db.queries.keys import Key, KeyTable, key_table

RowT = TypeVar("RowT", bound=tuple[Any, ...])
CursorKey = tuple[str | int | datetime | None, ...]
Condition = sa.SQLColumnExpression[bool]
Search = sa.Select[*tuple[Any, ...]]


@dataclass(frozen=True)
class SortKey:
    """One term of an order; NULLs stand last whichever the direction.

    `attribute` is the row's attribute of that value, `kind` its type; `found` the column in the search where it
    is not the column of the listed table. A `folded` text counts capitals as small letters.
    """

    column: sa.SQLColumnExpression[Any]
    attribute: str
    kind: type[str | int | datetime]
    descending: bool = False
    nullable: bool = False
    found: sa.SQLColumnExpression[Any] | None = None
    folded: bool = False

    @property
    def searched(self) -> sa.SQLColumnExpression[Any]:
        column = self.column if self.found is None else self.found
        return Folded(column) if self.folded else column

    def value(self, given: Any) -> Any:
        """What a key's value is compared as."""
        return Folded(sa.literal(given, sa.String())) if self.folded else given


@dataclass(frozen=True)
class Listing(Generic[RowT]):
    """One list. `search` selects the `identity` of what belongs to it; `rows` are then read from `columns`.

    `order` ends with a unique term. `parents` are the columns of the search that a parent's key is compared with.
    """

    name: str
    row: type[RowT]
    columns: tuple[sa.SQLColumnExpression[Any], ...]
    identity: tuple[sa.SQLColumnExpression[Any], ...]
    search: Search
    order: tuple[SortKey, ...]
    parents: tuple[sa.SQLColumnExpression[Any], ...] = ()
    distinct: bool = False

    def key_of(self, row: RowT) -> CursorKey:
        return tuple(getattr(row, term.attribute) for term in self.order)


class Spec(Protocol):
    """A list as a hashable value: which one, filtered how, under which kind of parent."""

    def listing(self) -> Listing[Any]: ...


@dataclass(frozen=True)
class Window:
    """Which part of a list: `limit` rows from the start, or from the end if `backward`, between two keys."""

    limit: int
    backward: bool = False
    after: CursorKey | None = None
    before: CursorKey | None = None


class Slice(NamedTuple, Generic[RowT]):
    """The rows of a window in the list's order; `more` tells whether it goes on in the window's direction."""

    rows: tuple[RowT, ...]
    more: bool


async def slices(
    connection: AsyncConnection, listing: Listing[RowT], parents: Sequence[Key], window: Window
) -> list[Slice[RowT]]:
    """For each parent its window of the list, in one statement."""
    keys = key_table(parents, connection.dialect.name == "sqlite")
    result = await connection.execute(slices_statement(listing, keys, window))
    found: dict[int, list[RowT]] = {}
    for position, *values in result:
        found.setdefault(position, []).append(listing.row(*values))
    first = 0 if keys.is_sqlite else 1
    return [_slice(found.get(number, []), window) for number in range(first, first + len(parents))]


async def totals(connection: AsyncConnection, listing: Listing[Any], parents: Sequence[Key]) -> list[int]:
    """For each parent how many rows its list has, in one statement."""
    keys = key_table(parents, connection.dialect.name == "sqlite")
    counted = sa.func.count(sa.distinct(listing.order[-1].searched)) if listing.distinct else sa.func.count()
    search = _of_parent(listing.search.with_only_columns(counted, maintain_column_froms=True), listing, keys)
    statement = sa.select(search.scalar_subquery()).select_from(keys.source).order_by(keys.position)
    return list((await connection.execute(statement)).scalars())


async def reaches_beyond(
    connection: AsyncConnection, listing: Listing[Any], parents: Sequence[Key], window: Window
) -> list[bool]:
    """For each parent whether its list has rows outside the window on the side it comes from."""
    keys = key_table(parents, connection.dialect.name == "sqlite")
    edge = window.before if window.backward else window.after
    if edge is None:
        return [False] * len(parents)
    outside = sa.not_(_beyond(listing.order, edge, forward=not window.backward))
    search = _of_parent(listing.search.where(outside), listing, keys)
    statement = sa.select(sa.exists(search.limit(1))).select_from(keys.source).order_by(keys.position)
    return [bool(value) for value in (await connection.execute(statement)).scalars()]


def slices_statement(listing: Listing[Any], keys: KeyTable, window: Window) -> Search:
    """Search the window's identities by index first, then read the rows: nothing beyond the limit is touched."""
    search = listing.search.where(*_bounds(listing.order, window))
    search = _of_parent(search.distinct() if listing.distinct else search, listing, keys)
    search = search.order_by(*_ordering(listing.order, window.backward)).limit(window.limit + 1)
    outer = tuple(replace(term, found=None) for term in listing.order)
    statement = sa.select(keys.position, *listing.columns)
    if keys.is_sqlite:
        first, *others = listing.identity
        identity = sa.tuple_(first, *others) if others else first
        statement = statement.select_from(keys.source.join(_table(listing), identity.in_(search)))
    else:
        found = search.lateral("found")
        same = sa.and_(*(a == b for a, b in zip(listing.identity, found.c, strict=True)))
        statement = statement.select_from(keys.source.join(found, sa.true()).join(_table(listing), same))
    return statement.order_by(keys.position, *_ordering(outer, window.backward))


def _table(listing: Listing[Any]) -> sa.FromClause:
    column: Any = listing.columns[0]
    return column.table


def _of_parent(search: Search, listing: Listing[Any], keys: KeyTable) -> Search:
    same = (column == keys.part(index) for index, column in enumerate(listing.parents))
    return search.where(*same).correlate(keys.source)


def _slice(rows: list[RowT], window: Window) -> Slice[RowT]:
    more = len(rows) > window.limit
    kept = rows[: window.limit]
    return Slice(tuple(reversed(kept)) if window.backward else tuple(kept), more)


def _ordering(order: Sequence[SortKey], backward: bool) -> list[sa.SQLColumnExpression[Any]]:
    terms: list[sa.SQLColumnExpression[Any]] = []
    for term in order:
        directed = term.searched.desc() if term.descending is not backward else term.searched.asc()
        if term.nullable:
            directed = directed.nulls_first() if backward else directed.nulls_last()
        terms.append(directed)
    return terms


def _bounds(order: tuple[SortKey, ...], window: Window) -> list[Condition]:
    bounds: list[Condition] = []
    if window.after is not None:
        bounds.append(_beyond(order, window.after, forward=True))
    if window.before is not None:
        bounds.append(_beyond(order, window.before, forward=False))
    return bounds


def _beyond(order: tuple[SortKey, ...], key: CursorKey, forward: bool) -> Condition:
    """Rows strictly after the key (before it, if not forward), NULLs counting as last."""
    alternatives: list[Condition] = []
    equal: list[Condition] = []
    for term, value in zip(order, key, strict=True):
        alternatives.append(sa.and_(*equal, _past(term, value, forward)))
        same = term.value(value)
        equal.append(term.searched.is_not_distinct_from(same) if term.nullable else term.searched == same)
    return sa.or_(*alternatives) if len(alternatives) > 1 else alternatives[0]


def _past(term: SortKey, value: str | int | datetime | None, forward: bool) -> Condition:
    column = term.searched
    if value is None:
        return sa.false() if forward else column.is_not(None)
    edge = term.value(value)
    past = column < edge if term.descending is forward else column > edge
    if not term.nullable:
        return past
    return sa.or_(past, column.is_(None)) if forward else sa.and_(past, column.is_not(None))
