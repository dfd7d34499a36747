"""Fills a new database: `python -m benchmarks.seed sqlite:////tmp/big.db` (1,000 services, 200,000 instances)."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import islice

import sqlalchemy as sa
from sqlmodel import SQLModel

from benchmarks import history, rows
from benchmarks.sizes import Row, Size
from db import tables
from db.database import Database
from db.migrate import upgrade
from db.queries.columns import table_of

_CHUNK = 5000

_TABLES: tuple[tuple[type[SQLModel], Callable[[Size], Iterator[Row]]], ...] = (
    (tables.Service, rows.services),
    (tables.Environment, rows.environments),
    (tables.EnvironmentGroup, rows.groups),
    (tables.EnvironmentGroupMember, rows.group_members),
    (tables.Infrastructure, rows.infrastructures),
    (tables.Pipeline, rows.pipelines),
    (tables.Target, rows.targets),
    (tables.Execution, history.executions),
    (tables.Stage, history.stages),
    (tables.Step, history.steps),
    (tables.Event, history.events),
    (tables.Instance, rows.instances),
)


async def seed(database: Database, size: Size) -> None:
    """Fill the tables, which must be empty."""
    for model, make in _TABLES:
        made = make(size)
        while chunk := list(islice(made, _CHUNK)):
            async with database.engine.begin() as connection:
                await connection.execute(sa.insert(table_of(model)), chunk)


async def fill(url: str, size: Size) -> None:
    """Migrate the database at `url` and fill it."""
    await upgrade(url)
    database = Database(url)
    try:
        await seed(database, size)
    finally:
        await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="a new database, for example sqlite:////tmp/big.db")
    for name, default in vars(Size()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    chosen = vars(parser.parse_args())
    began = time.perf_counter()
    asyncio.run(fill(chosen.pop("url"), Size(**chosen)))
    print(f"filled in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
