"""The audit log as a list, newest first, and which environments its entries are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from db.queries.columns import columns_of
from db.queries.environments import EnvironmentRow
from db.queries.grouping import grouped
from db.queries.listing import Condition, Listing, SortKey
from db.security.audit import Entry
from db.statuses import AuditOutcome
from db.tables import AuditEntry, Environment, Instance, RollbackApproval, Stage

# What `details` calls the things that came of an entry.
_MADE = {"Execution": "executionId", "RollbackApproval": "approvalId"}


@dataclass(frozen=True)
class AuditEntries:
    """The entries that satisfy everything given. `target` is one of the things that they name, or made."""

    subject: str | None = None
    action: str | None = None
    outcome: AuditOutcome | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def listing(self) -> Listing[Entry]:
        sequence = col(AuditEntry.sequence)
        search = sa.select(sequence).where(*self._conditions())
        if self.target is not None:
            search = search.where(_about(self.target))
        order = (SortKey(sequence, "sequence", int, descending=True),)
        return Listing("audit_log", Entry, columns_of(AuditEntry, Entry), (sequence,), search, order)

    def _conditions(self) -> list[Condition]:
        at, found = col(AuditEntry.at), list[Condition]()
        if self.since is not None:
            found.append(at >= self.since)
        if self.until is not None:
            found.append(at < self.until)
        equal = (
            (col(AuditEntry.subject), self.subject),
            (col(AuditEntry.action), self.action),
            (col(AuditEntry.outcome), self.outcome),
        )
        return found + [column == value for column, value in equal if value is not None]


def _about(target: str) -> Condition:
    kind, _, name = target.partition(":")
    named = (" " + col(AuditEntry.target) + " ").contains(f" {target} ", autoescape=True)
    if kind not in _MADE:
        return named
    details = sa.type_coerce(col(AuditEntry.details), sa.JSON())
    return sa.or_(named, details[_MADE[kind]].as_string() == name)


AuditObjects = tuple[tuple[str, str], ...]
"""The things that an entry names, each with its kind."""


async def environments_of_objects(
    connection: AsyncConnection, keys: Sequence[AuditObjects]
) -> list[tuple[EnvironmentRow, ...]]:
    """For each entry's objects the environments that they are in, as far as they are there still, by name."""
    names: dict[str, set[str]] = {}
    for kind, name in (one for key in keys for one in key):
        names.setdefault(kind, set()).add(name)
    places = [_place(kind, *columns).where(columns[0].in_(names[kind])) for kind, columns in _IN if kind in names]
    if not places:
        return [()] * len(keys)
    place = sa.union(*places).subquery()
    statement = sa.select(place.c.kind, place.c.name, *columns_of(Environment, EnvironmentRow)).join_from(
        place, Environment, col(Environment.id) == place.c.environment_id
    )
    objects = list(dict.fromkeys(one for key in keys for one in key))
    rows = grouped(await connection.execute(statement), EnvironmentRow, objects, width=2)
    found = dict(zip(objects, rows, strict=True))
    return [tuple(sorted({row for one in key for row in found[one]}, key=_by_name)) for key in keys]


_IN = (
    ("Environment", (col(Environment.identifier), col(Environment.id))),
    ("Execution", (col(Stage.execution_id), col(Stage.environment_id))),
    ("Stage", (col(Stage.id), col(Stage.environment_id))),
    ("Instance", (col(Instance.id), col(Instance.environment_id))),
    ("RollbackApproval", (col(RollbackApproval.id), col(Stage.environment_id))),
)


def _place(
    kind: str, name: sa.SQLColumnExpression[str], environment_id: sa.SQLColumnExpression[Any]
) -> sa.Select[*tuple[Any, ...]]:
    columns: list[Any] = [
        sa.literal(kind).label("kind"),
        name.label("name"),
        environment_id.label("environment_id"),
    ]
    place: sa.Select[*tuple[Any, ...]] = sa.select(*columns)
    if kind != "RollbackApproval":
        return place
    return place.join_from(RollbackApproval, Stage, col(Stage.execution_id) == col(RollbackApproval.execution_id))


def _by_name(row: EnvironmentRow) -> tuple[str, str]:
    return row.name.lower(), row.id
