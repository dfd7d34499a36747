"""Which pipelines exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from db.queries.byid import rows_by, values_by_id
from db.queries.columns import columns_of
from db.queries.listing import Listing, SortKey
from db.tables import Pipeline


class PipelineRow(NamedTuple):
    id: str
    identifier: str
    name: str


@dataclass(frozen=True)
class Pipelines:
    """All pipelines, by name."""

    def listing(self) -> Listing[PipelineRow]:
        identity = col(Pipeline.id)
        order = (SortKey(col(Pipeline.name), "name", str, folded=True), SortKey(identity, "id", str))
        columns = columns_of(Pipeline, PipelineRow)
        return Listing("pipelines", PipelineRow, columns, (identity,), sa.select(identity), order)


async def pipelines_by_id(connection: AsyncConnection, ids: Sequence[str]) -> list[PipelineRow | None]:
    return await rows_by(connection, Pipeline, PipelineRow, "id", ids)


async def pipelines_by_identifier(
    connection: AsyncConnection, identifiers: Sequence[str]
) -> list[PipelineRow | None]:
    return await rows_by(connection, Pipeline, PipelineRow, "identifier", identifiers)


async def yaml_of_pipelines(connection: AsyncConnection, ids: Sequence[str]) -> list[str]:
    """The YAML of each pipeline as it is now."""
    return await values_by_id(connection, Pipeline, "yaml", ids)
