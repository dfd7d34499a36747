"""A crash between the commit that accepts an execution and its hand-over to the engine: it runs all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import col

from db.columns import now
from db.tables import Execution
from pipelines.answers import Started
from pipelines.runtime import Rules, Runtime
from pipelines.start import RunRequest, run_pipeline
from providers.connectors import load_connectors
from rollback.start import roll_back
from rollback.values import RollbackRequest, RollbackStarted, Scope
from schema.ids import global_id
from tests.durability.ordeals import Theatre, bare
from tests.support.runtimes import open_runtime
from tests.support.shop import NEW, OLD, Shop


def accepted_and_dead(stage: Theatre, accept: Callable[[Runtime], Awaitable[str]]) -> str:
    """An execution that a process accepted, and then died; some time ago. Returns its public id."""
    stage.unship.stop()

    async def play() -> str:
        url = f"sqlite:///{stage.directory / 'data' / 'unship.db'}"
        connectors = load_connectors(stage.directory / "connectors.yaml")
        async with open_runtime(url, connectors=connectors, rules=Rules(post_prod_rollback=True)) as runtime:
            execution_id = await accept(runtime)
            async with runtime.database.write() as session:
                await session.execute(
                    sa.update(Execution)
                    .where(col(Execution.id) == execution_id)
                    .values(created_at=now() - timedelta(minutes=1))
                )
            return execution_id

    execution = global_id("Execution", asyncio.run(play()))
    stage.unship.start()
    return execution


def test_an_accepted_deployment_runs(stage: Theatre, shop: Shop) -> None:
    async def accept(runtime: Runtime) -> str:
        started = await run_pipeline(runtime, RunRequest(shop.name, {"tag": NEW}, subject="ann"))
        assert isinstance(started, Started), started
        return started.execution_id

    execution = accepted_and_dead(stage, accept)
    assert stage.unship.finish(execution) == "SUCCEEDED"
    assert {image.partition(":")[2] for image in shop.images("prod")} == {NEW}


def test_an_accepted_rollback_runs(stage: Theatre, shop: Shop) -> None:
    deployment = stage.unship.deploy(shop.name, tag=NEW)

    async def accept(runtime: Runtime) -> str:
        started = await roll_back(runtime, RollbackRequest(Scope(execution_id=bare(deployment)), subject="ann"))
        assert isinstance(started, RollbackStarted), started
        return started.execution_id

    rollback = accepted_and_dead(stage, accept)
    assert stage.unship.finish(rollback) == "SUCCEEDED"
    assert {image.partition(":")[2] for image in shop.images("prod")} == {OLD}
