"""Who sees one environment sees the same of it on every database, and no row of it takes a statement."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import col

from benchmarks.sizes import Size
from db.columns import now
from db.security.access import Standing
from db.statuses import Role
from db.tables import Execution, Instance, Stage, Target
from tests.schema.api import granted_somewhere, open_api

ONE_STAGE = Size(services=6, environments=3, executions_per_service=6, stages=1, instances_per_target=2)
LISTS = """{
  services(first: 50) { totalCount nodes { id instanceCount environments { environment { identifier }
    lastExecution { id } instances(first: 1) { totalCount pageInfo { hasNextPage } } } } }
  environments(first: 50) { totalCount nodes { id groups { environments { id } } } }
  pipelines { totalCount nodes { yaml executions(first: 50) { totalCount } } }
  instances(first: 50) { totalCount nodes { execution { id } service { id } } }
  executions(last: 2) { totalCount pageInfo { hasPreviousPage }
    edges { cursor node { stages { steps { id } } } } } }"""


def test_lists_hold_what_stands_in_the_one_environment(database_url: str) -> None:
    async def scenario() -> None:
        async with open_api(database_url, ONE_STAGE) as api:
            environment = await granted_somewhere(api, "alice", Role.VIEWER)
            api.by = Standing("alice", until=now() + timedelta(hours=1))
            shown = await api.data(LISTS)
            async with api.runtime.database.read() as connection:
                there = col(Stage.environment_id) == environment

                async def count(statement: sa.Select[int]) -> int:
                    return (await connection.execute(statement)).scalar_one()

                counted = sa.func.count
                executions = await count(sa.select(counted(sa.distinct(col(Stage.execution_id)))).where(there))
                every = await count(sa.select(counted(col(Execution.id))))
                instances = await count(
                    sa.select(counted(col(Instance.id))).where(col(Instance.environment_id) == environment)
                )
                services = await count(
                    sa.select(counted(sa.distinct(col(Target.service_id)))).where(
                        col(Target.environment_id) == environment
                    )
                )
            assert shown["executions"]["totalCount"] == executions
            assert 2 < executions < every
            assert len(shown["executions"]["edges"]) == 2
            assert shown["executions"]["pageInfo"]["hasPreviousPage"]
            assert shown["instances"]["totalCount"] == instances > 0
            assert shown["services"]["totalCount"] == services > 0
            assert sum(service["instanceCount"] for service in shown["services"]["nodes"]) == instances
            assert shown["environments"]["totalCount"] == 1
            assert shown["pipelines"]["totalCount"] == len(shown["pipelines"]["nodes"]) > 0
            assert sum(one["executions"]["totalCount"] for one in shown["pipelines"]["nodes"]) == executions

    asyncio.run(scenario())


def test_one_row_and_fifty_take_equally_many_statements(database_url: str) -> None:
    async def scenario() -> None:
        async with open_api(database_url, ONE_STAGE) as api:
            await granted_somewhere(api, "alice", Role.VIEWER)
            api.by = Standing("alice", until=now() + timedelta(hours=1))
            counts: list[int] = []
            for rows in (1, 50):
                await api.data(
                    f"{{ executions(first: {rows}) {{ nodes {{ pipeline {{ name }} stages {{ name }} }} }} }}"
                )
                counts.append(len(api.statements))
            assert counts[0] == counts[1]

    asyncio.run(scenario())
