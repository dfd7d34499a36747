"""Asks the schema as a client would, over a real database that holds a small made-up history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import col

from benchmarks.seed import seed
from benchmarks.sizes import Size
from db.columns import now
from db.security.access import Standing, unrestricted
from db.statuses import Role
from db.tables import Environment, Grant
from pipelines.runtime import Rules, Runtime
from providers.connectors import Connectors
from schema.building import build
from schema.context import RequestContext
from tests.support.runtimes import open_runtime

SMALL = Size(services=6, environments=3, executions_per_service=5, stages=2, instances_per_target=4)


@dataclass
class Answer:
    data: Any
    errors: list[dict[str, Any]]

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.errors]


@dataclass
class Api:
    """`statements` are those that the last request sent to the database; `by` is who asks."""

    runtime: Runtime
    by: Standing = unrestricted("tester")
    statements: list[str] = field(default_factory=list[str])

    async def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> Answer:
        """The answer, errors included."""
        self.statements.clear()
        result = await build().execute(query, dict(variables or {}), RequestContext(self.runtime, self.by))
        return Answer(result.data, [dict(error.formatted) for error in result.errors or []])

    async def data(self, query: str, variables: Mapping[str, Any] | None = None) -> Any:
        """The data of an answer that must have no errors."""
        answer = await self.ask(query, variables)
        assert answer.errors == []
        return answer.data

    async def watch(self, query: str, variables: Mapping[str, Any] | None = None) -> AsyncGenerator[Answer]:
        """The answers of a subscription as they come."""
        results = await build().subscribe(query, dict(variables or {}), RequestContext(self.runtime, self.by))
        async for result in results:
            yield Answer(result.data, [dict(error.formatted) for error in result.errors or []])


@asynccontextmanager
async def open_api(
    url: str, size: Size | None = SMALL, rules: Rules | None = None, connectors: Connectors | None = None
) -> AsyncGenerator[Api]:
    """The API over a fresh database at `url`, filled to that size; nothing carries executions."""
    async with open_runtime(url, rules=rules, connectors=connectors) as runtime:
        if size is not None:
            await seed(runtime.database, size)
        api = Api(runtime)

        def count(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
            api.statements.append(statement)

        event.listen(runtime.database.engine.sync_engine, "before_cursor_execute", count)
        yield api


async def granted_somewhere(api: Api, subject: str, role: Role) -> str:
    """Give that role, for an hour, in one of the environments; its id."""
    async with api.runtime.database.write() as session:
        environment: str = (await session.execute(sa.select(sa.func.min(col(Environment.id))))).scalar_one()
        session.add(
            Grant(
                subject=subject,
                role=role,
                environment_id=environment,
                created_by="tests",
                expires_at=now() + timedelta(hours=1),
            )
        )
    return environment


def run(url: str, check: Callable[[Api], Awaitable[None]]) -> None:
    """Run a check against a database that is already filled."""

    async def opened() -> None:
        async with open_api(url, None) as api:
            await check(api)

    asyncio.run(opened())
