"""Keyset pages, walked in both directions on both databases, give the whole list once and in order."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from benchmarks.seed import seed
from benchmarks.sizes import Size, environment_id, execution_id, service_id
from db.queries.environments import EnvironmentGroups, Environments
from db.queries.events import Events
from db.queries.executions import Executions, ExecutionsOf
from db.queries.instances import Instances, InstancesOf
from db.queries.keys import Key
from db.queries.listing import CursorKey, SortKey, Spec, Window, reaches_beyond, slices, totals
from db.queries.pipelines import Pipelines
from db.queries.services import ServiceOrderField, Services
from db.statuses import ExecutionKind, ExecutionStatus
from db.tables import Environment, Pipeline, Service
from pipelines.runtime import Runtime
from tests.support.runtimes import open_runtime

SIZE = Size(services=9, environments=4, executions_per_service=10, stages=2, instances_per_target=3)

_BY_DATE = ServiceOrderField.LAST_DEPLOYED_AT

# Each list with its parents and how many rows each has.
LISTS: list[tuple[Spec, list[Key], list[int]]] = [
    (Services(), [()], [9]),
    (Services(descending=True), [()], [9]),
    (Services(order=_BY_DATE), [()], [9]),
    (Services(order=_BY_DATE, descending=True), [()], [9]),
    (Services(tags=(("tier", "1"),)), [()], [3]),
    (Environments(), [()], [4]),
    (EnvironmentGroups(), [()], [1]),
    (Pipelines(), [()], [9]),
    (Instances(), [()], [108]),
    (Instances(InstancesOf.SERVICE), [(service_id(3),), ("none",), (service_id(1),)], [12, 0, 12]),
    (Instances(InstancesOf.ENVIRONMENT), [(environment_id(0),), (environment_id(1),)], [27, 27]),
    (Instances(InstancesOf.PLACE), [(service_id(3), environment_id(0)), (service_id(3), "none")], [3, 0]),
    (Instances(artifact="old"), [()], [0]),
    (Executions(), [()], [90]),
    (Executions(ExecutionsOf.SERVICE), [(service_id(0),), (service_id(5),)], [10, 10]),
    (Executions(ExecutionsOf.SERVICE, kind=ExecutionKind.ROLLBACK), [(service_id(0),)], [1]),
    (Executions(service_identifier="service4", environment_identifier="environment0"), [()], [5]),
    (Executions(environment_identifier="environment1", status=ExecutionStatus.FAILED), [()], [9]),
    (Executions(ExecutionsOf.PIPELINE, environment_identifier="environment1"), [("none",)], [0]),
    (Events(), [(execution_id(7),), (execution_id(8),)], [10, 10]),
]


async def _walk(runtime: Runtime, spec: Spec, parent: Key, size: int, backward: bool) -> list[Any]:
    """All rows of one parent's list, page by page from one end."""
    listing, walked, edge = spec.listing(), list[Any](), None
    while True:
        window = _window(size, backward, edge)
        async with runtime.database.read() as connection:
            page = (await slices(connection, listing, [parent], window))[0]
            beyond = await reaches_beyond(connection, listing, [parent], window)
        assert beyond == [bool(walked)]
        walked = [*page.rows, *walked] if backward else [*walked, *page.rows]
        if not page.more:
            return walked
        assert len(page.rows) == size
        edge = listing.key_of(page.rows[0] if backward else page.rows[-1])


def _window(size: int, backward: bool, edge: CursorKey | None) -> Window:
    return Window(size, True, before=edge) if backward else Window(size, after=edge)


async def _rename(runtime: Runtime) -> None:
    """Every second name in capitals, every third the same word: none of it decides where a name stands."""
    async with runtime.database.write() as session:
        for table in (Service, Environment, Pipeline):
            ids = (await session.execute(sa.select(col(table.id)).order_by(col(table.id)))).scalars().all()
            for number, key in enumerate(ids):
                name = ["SHOP", "shop", "Ärger", "basket", "BASKET 2", "äther", "Z_", "[a"][number % 8]
                await session.execute(sa.update(table).where(col(table.id) == key).values(name=name))


def _key(term: SortKey) -> Callable[[Any], Any]:
    """The value of a row by which a term sorts."""
    value = attrgetter(term.attribute)
    if not term.folded:
        return value
    return lambda row: re.sub("[A-Z]", lambda letter: letter.group().lower(), value(row)).encode()


def _sorted(spec: Spec, rows: Sequence[Any]) -> list[Any]:
    """The rows in the order that the list promises, NULLs last."""
    ordered = list(rows)
    for term in reversed(spec.listing().order):
        present = [row for row in ordered if getattr(row, term.attribute) is not None]
        absent = [row for row in ordered if getattr(row, term.attribute) is None]
        present.sort(key=_key(term), reverse=term.descending)
        ordered = [*present, *absent]
    return ordered


def test_pages_in_both_directions_are_the_whole_list_in_order(database_url: str) -> None:
    async def check() -> None:
        async with open_runtime(database_url) as runtime:
            await seed(runtime.database, SIZE)
            await _rename(runtime)
            for spec, parents, expected in LISTS:
                async with runtime.database.read() as connection:
                    whole = await slices(connection, spec.listing(), parents, Window(1000))
                    assert await totals(connection, spec.listing(), parents) == expected, spec
                assert [len(one.rows) for one in whole] == expected, spec
                for parent, one in zip(parents, whole, strict=True):
                    assert list(one.rows) == _sorted(spec, one.rows), spec
                    for size in (3, 50):
                        for backward in (False, True):
                            assert await _walk(runtime, spec, parent, size, backward) == list(one.rows), spec

    asyncio.run(check())


def test_windows_between_two_keys(database_url: str) -> None:
    async def check() -> None:
        async with open_runtime(database_url) as runtime:
            await seed(runtime.database, SIZE)
            listing = Services(order=_BY_DATE).listing()
            async with runtime.database.read() as connection:
                rows = (await slices(connection, listing, [()], Window(100)))[0].rows
                keys = [listing.key_of(row) for row in rows]
                assert keys[-1][0] is None, "a service that was never deployed stands last"
                for low in range(len(rows)):
                    for high in range(low + 1, len(rows)):
                        window = Window(100, False, keys[low], keys[high])
                        found = (await slices(connection, listing, [()], window))[0].rows
                        assert found == rows[low + 1 : high]

    asyncio.run(check())


@pytest.mark.parametrize("spec", [Services(search="%"), Services(search="_"), Services(search="/")])
def test_wildcards_are_taken_literally(database_url: str, spec: Services) -> None:
    async def check() -> None:
        async with open_runtime(database_url) as runtime:
            await seed(runtime.database, SIZE)
            async with runtime.database.read() as connection:
                assert await totals(connection, spec.listing(), [()]) == [0]
                assert await totals(connection, Services(search="SERVICE 0000").listing(), [()]) == [9]

    asyncio.run(check())
