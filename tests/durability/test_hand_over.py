"""What was accepted runs, although a crash came before the engine had it, or the engine gave it up."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from db.security.access import unrestricted
from db.tables import Checkpoint
from pipelines.answers import Started
from pipelines.runner.execution import run_execution
from pipelines.runtime import Rules, Runtime
from pipelines.start import RunRequest, run_pipeline
from providers.connectors import load_connectors
from rollback.start import roll_back
from rollback.values import RollbackRequest, RollbackStarted, Scope
from schema.ids import global_id
from tests.durability.ordeals import Theatre, bare
from tests.durability.rehearsal import namespaces
from tests.support.runtimes import open_runtime
from tests.support.shop import NEW, OLD, Shop


def accepted_and_dead(stage: Theatre, accept: Callable[[Runtime], Awaitable[str]]) -> str:
    """An execution that a process accepted, and then died. Returns its public id."""
    stage.unship.stop()

    async def play() -> str:
        url = f"sqlite:///{stage.directory / 'data' / 'unship.db'}"
        connectors = load_connectors(stage.directory / "connectors.yaml")
        async with open_runtime(url, connectors=connectors, rules=Rules(post_prod_rollback=True)) as runtime:
            return await accept(runtime)

    execution = global_id("Execution", asyncio.run(play()))
    stage.unship.start()
    return execution


def test_an_accepted_deployment_runs(stage: Theatre, shop: Shop) -> None:
    async def accept(runtime: Runtime) -> str:
        started = await run_pipeline(runtime, RunRequest(shop.name, {"tag": NEW}, by=unrestricted("ann")))
        assert isinstance(started, Started), started
        return started.execution_id

    execution = accepted_and_dead(stage, accept)
    assert stage.unship.finish(execution) == "SUCCEEDED"
    assert {image.partition(":")[2] for image in shop.images("prod")} == {NEW}


def test_an_accepted_rollback_runs(stage: Theatre, shop: Shop) -> None:
    deployment = stage.unship.deploy(shop.name, tag=NEW)

    async def accept(runtime: Runtime) -> str:
        started = await roll_back(
            runtime, RollbackRequest(Scope(execution_id=bare(deployment)), by=unrestricted("ann"))
        )
        assert isinstance(started, RollbackStarted), started
        return started.execution_id

    rollback = accepted_and_dead(stage, accept)
    assert stage.unship.finish(rollback) == "SUCCEEDED"
    assert {image.partition(":")[2] for image in shop.images("prod")} == {OLD}


def forgotten(engine: Path) -> None:
    for path in engine.parent.glob(f"{engine.name}*"):
        path.unlink()


def ended(status: str) -> Callable[[Path], None]:
    def end(engine: Path) -> None:
        with closing(sqlite3.connect(engine)) as connection, connection:
            changed = connection.execute(
                "UPDATE workflow_status SET status = ? WHERE status = 'PENDING'", (status,)
            )
            assert changed.rowcount == 1

    return end


@pytest.mark.parametrize(
    "breaking",
    [forgotten, ended("ERROR")],
    ids=["engine-file-deleted", "ended-in-error"],
)
def test_what_the_engine_gave_up_goes_on(stage: Theatre, shop: Shop, breaking: Callable[[Path], None]) -> None:
    deployment = stage.unship.deploy(shop.name, tag=NEW)
    rollback = stage.unship.roll_back(target={"executionId": deployment})["execution"]["id"]
    with stage.unship.progress(rollback) as batches:
        seen = next(batch for batch in batches if batch["events"][-1]["sequence"] >= 6)
        stage.kill_now()
    breaking(stage.directory / "data" / "unship.db-engine")
    stage.unship.start()
    with stage.unship.progress(rollback, after=seen["cursor"]) as batches:
        rest = [event["sequence"] for batch in batches for event in batch["events"]]
    assert rest == list(range(seen["events"][-1]["sequence"] + 1, rest[-1] + 1))
    assert stage.unship.execution(rollback)["status"] == "SUCCEEDED"
    assert {image.partition(":")[2] for image in shop.images("prod")} == {OLD}


def test_what_the_engine_knows_of_ended_executions_is_forgotten_in_time(stage: Theatre, shop: Shop) -> None:
    """One of them it takes for unfinished: the process died between the end and the engine's record of it."""
    deployment = stage.unship.deploy(shop.name, tag=NEW)
    undo = stage.unship.rolled_back(deployment)
    stage.unship.stop()
    data = stage.directory / "data"
    known = workflows(data / "unship.db-engine")
    assert {bare(deployment), bare(undo)} <= known
    with closing(sqlite3.connect(data / "unship.db-engine")) as engine, engine:
        engine.execute("UPDATE workflow_status SET created_at = 0")
        engine.execute("UPDATE workflow_status SET status = 'PENDING' WHERE workflow_uuid = ?", (bare(undo),))
    with closing(sqlite3.connect(data / "unship.db")) as database, database:
        long_ago = "2020-01-01 00:00:00.000000"
        database.execute("UPDATE execution SET finished_at = ? WHERE id = ?", (long_ago, bare(undo)))
    stage.unship.start()
    until = time.monotonic() + 30
    while bare(undo) in (left := workflows(data / "unship.db-engine")):
        assert time.monotonic() < until, "the engine keeps it"
        time.sleep(0.02)
    assert left == known - {bare(undo)}, "the others have ended lately"


def test_what_has_ended_is_not_run_again_although_its_records_are_gone(stage: Theatre, shop: Shop) -> None:
    deployment = stage.unship.deploy(shop.name, tag=NEW)
    events, mark = stage.unship.events(deployment), stage.effects.mark

    async def again(runtime: Runtime) -> str:
        async with runtime.database.write() as session:
            await session.execute(sa.delete(Checkpoint))
        await run_execution(runtime, bare(deployment))
        await run_execution(runtime, "retired")
        return bare(deployment)

    assert accepted_and_dead(stage, again) == deployment
    assert stage.effects.since(mark, *namespaces(shop)) == {}
    assert stage.unship.events(deployment) == events


def test_an_execution_that_does_not_fit_its_records_ends_with_everything_of_it(stage: Theatre, shop: Shop) -> None:
    deployment = stage.unship.deploy(shop.name, tag=NEW)
    rollback = stage.unship.roll_back(target={"executionId": deployment})["execution"]["id"]
    with stage.unship.progress(rollback) as batches:
        next(batch for batch in batches if any(event.get("stepStatus") == "RUNNING" for event in batch["events"]))
        stage.kill_now()
    with closing(sqlite3.connect(stage.directory / "data" / "unship.db")) as database, database:
        database.execute("UPDATE checkpoint SET name = 'another' WHERE execution_id = ?", (bare(rollback),))
    stage.unship.start()
    assert stage.unship.finish(rollback) == "FAILED"
    ended = stage.unship.execution(rollback)
    assert ended["statusReason"] == "Unexpected error; the server's log has the details."
    assert [one["status"] for one in ended["stages"]] == ["FAILED", "ABANDONED"]
    steps = [one["status"] for one in ended["stages"][0]["steps"]]
    assert steps[0] == "FAILED"
    assert set(steps[1:]) <= {"ABANDONED"}
    assert stage.unship.eligibility(executionId=deployment)["verdict"] != "INELIGIBLE"


def workflows(engine: Path) -> set[str]:
    with closing(sqlite3.connect(engine)) as connection:
        return {row[0] for row in connection.execute("SELECT workflow_uuid FROM workflow_status")}


def test_an_accepted_abort_outlives_the_process(stage: Theatre, shop: Shop) -> None:
    deployment = stage.unship.deploy(shop.name, tag=NEW)
    rollback: str = stage.unship.roll_back(target={"executionId": deployment})["execution"]["id"]
    assert stage.unship.abort(rollback)["userErrors"] == []
    stage.kill_now()
    stage.unship.start()
    assert stage.unship.finish(rollback) == "ABORTED"
    assert stage.unship.eligibility(executionId=deployment)["verdict"] != "INELIGIBLE"
