"""Hides what a caller may not see from everything that is loaded for him; without a rule it is hidden.

Only for callers who see some environments and not all: nothing is asked and nothing changes for the others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from db.queries.approvals import approval_requirements
from db.queries.events import EventRow
from db.queries.executions import (
    ExecutionRow,
    overrides_of_executions,
    status_reasons_of_executions,
    yaml_of_executions,
)
from db.queries.instances import (
    artifacts_by_place,
    counts_by_service,
    details_of_instances,
    rollback_statuses_of_stages,
)
from db.queries.listing import Listing, Spec
from db.queries.pipelines import yaml_of_pipelines
from db.queries.places import (
    PlaceRow,
    counts_by_place,
    current_stages_by_place,
    deployed_stages_by_place,
)
from db.queries.services import ServiceOrderField, Services
from db.queries.stages import outputs_of_steps
from db.queries.visibility import (
    SEEN,
    environment_named,
    execution_seen,
    seen_counts_by_service,
    seen_yaml_of_pipelines,
    those_seen,
)

Query = Callable[[AsyncConnection, Sequence[Any]], Awaitable[Sequence[Any]]]
QueryT = TypeVar("QueryT", bound=Callable[..., Any])

# What is asked for only by the key of a row that was seen, and tells nothing beyond it.
_BELONGING: set[Callable[..., Any]] = {
    approval_requirements,
    artifacts_by_place,
    counts_by_place,
    current_stages_by_place,
    deployed_stages_by_place,
    details_of_instances,
    outputs_of_steps,
    overrides_of_executions,
    rollback_statuses_of_stages,
    status_reasons_of_executions,
    yaml_of_executions,
}
# What adds up more than may be seen, and what is asked instead.
_INSTEAD: dict[Callable[..., Any], Callable[..., Awaitable[Sequence[Any]]]] = {
    counts_by_service: seen_counts_by_service,
    yaml_of_pipelines: seen_yaml_of_pipelines,
}


class NoRule(Exception):
    """Nobody has said who may see this; so nobody does who does not see everything."""


def narrowed_itself(query: QueryT) -> QueryT:
    """Marks a query that is asked for what is narrowed already."""
    _BELONGING.add(query)
    return query


async def seen_of(
    connection: AsyncConnection, query: Query, keys: Sequence[Any], environments: Set[str]
) -> Sequence[Any]:
    """What the query answers these keys, without what stands in other environments."""
    if query in _INSTEAD:
        return await _INSTEAD[query](connection, keys, environments)
    values = await query(connection, keys)
    if query in _BELONGING:
        return values
    hidden = await _hidden(connection, values, environments)
    return [_without(value, hidden) for value in values]


@dataclass(frozen=True)
class Narrowed:
    """A list without what stands in other environments: rows, counts and neighbours alike."""

    spec: Spec
    environments: frozenset[str]

    def listing(self) -> Listing[Any]:
        listing = self.spec.listing()
        search = listing.search.where(self._condition(listing))
        identifier: str | None = getattr(self.spec, "environment_identifier", None)
        if identifier is not None:
            search = search.where(environment_named(identifier, self.environments))
        return replace(listing, search=search)

    def _condition(self, listing: Listing[Any]) -> sa.SQLColumnExpression[bool]:
        if listing.row is EventRow:
            return sa.true()
        if listing.row is ExecutionRow:
            return execution_seen(listing.order[-1].searched, self.environments)
        if listing.row not in SEEN:
            raise NoRule(listing.name)
        return SEEN[listing.row].condition(self.environments)


def narrowed(spec: Spec, environments: frozenset[str] | None) -> Spec:
    """The list as somebody sees it who sees these environments; None is all."""
    if environments is None:
        return spec
    if isinstance(spec, Services):
        # When something was last deployed anywhere would show in the order, and in the cursors.
        spec = replace(spec, order=ServiceOrderField.NAME)
    return Narrowed(spec, environments)


async def _hidden(
    connection: AsyncConnection, values: Sequence[Any], environments: Set[str]
) -> Callable[[Any], bool]:
    by_kind: dict[type[Any], set[str]] = {}
    for row in (row for value in values for row in _rows(value)):
        if type(row) is not PlaceRow:
            by_kind.setdefault(_kind(row), set()).add(row.id)
    seen = {kind: await those_seen(connection, kind, list(ids), environments) for kind, ids in by_kind.items()}
    return lambda row: (
        row.environment_id not in environments if type(row) is PlaceRow else row.id not in seen[_kind(row)]
    )


def _kind(row: Any) -> type[Any]:
    kind: type[Any] = row.__class__
    if kind not in SEEN:
        raise NoRule(kind.__name__)
    return kind


def _rows(value: Any) -> tuple[Any, ...]:
    """The rows in one answer: a row is a named tuple, several are a plain one."""
    if value is None:
        return ()
    return cast("tuple[Any, ...]", value) if type(value) is tuple else (value,)


def _without(value: Any, hidden: Callable[[Any], bool]) -> Any:
    if type(value) is tuple:
        return tuple(row for row in _rows(value) if not hidden(row))
    return None if value is None or hidden(value) else value
