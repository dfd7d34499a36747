"""An embedded database that fails for a while: clients are told so, and a rollback under way goes on after it."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager

from tests.durability.crowds import RUN
from tests.durability.ordeals import Theatre
from tests.durability.outages import (
    assert_back,
    assert_ended_right,
    assert_told,
    begun,
    service,
    until_met,
)
from tests.support.shop import NEW, Shop

# Beyond this offset no file may be written; the log of the server is shorter, the database's is longer.
_FULL = 32 * 1024
# Less than the first one waits who finds the database locked.
_AT_ONCE_SECONDS = 4
# More than the engine is waited for.
_ACCEPTED_SECONDS = 10


@contextmanager
def full_disk(stage: Theatre) -> Generator[None]:
    """No file of the server can grow within the block: what it writes there fails with an error of the disk."""
    process = stage.unship.process
    assert process is not None
    before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (_FULL, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def locked(stage: Theatre, name: str) -> Generator[None]:
    """Somebody else holds the write lock of that database within the block."""
    path = stage.directory / "data" / name
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def gone(stage: Theatre) -> Generator[None]:
    """The file of the database is not in its place within the block, as if it had been deleted."""
    path = stage.directory / "data" / "unship.db"
    elsewhere = path.rename(path.with_name("elsewhere"))
    try:
        yield
    finally:
        elsewhere.rename(path)


def test_a_full_disk_is_outlasted(stage: Theatre, shop: Shop) -> None:
    rollback = begun(stage.unship, shop)
    with full_disk(stage):
        assert_told(stage.unship, "The disk of the database reports errors")
        assert stage.unship.execution(rollback)["status"] == "RUNNING", "reading goes on"
        until_met(stage.unship)
    assert_back(stage.unship)
    assert_ended_right(stage.unship, shop, rollback)


def test_a_locked_database_is_waited_for(stage: Theatre, shop: Shop) -> None:
    rollback = begun(stage.unship, shop)
    with locked(stage, "unship.db"), locked(stage, "unship.db-engine"):
        before = stage.unship.execution(rollback)
        until_met(stage.unship)
        assert_told(stage.unship, "The database is held by somebody else")
        # Others have waited in vain, so that nobody else has to.
        answer = stage.unship.client.post(
            stage.unship.url, json={"query": service("late")}, timeout=_AT_ONCE_SECONDS
        )
        assert answer.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
        assert stage.unship.execution(rollback) == before, "nothing can be recorded, so nothing goes on"
    assert_back(stage.unship)
    assert_ended_right(stage.unship, shop, rollback)


def test_nothing_is_written_to_a_file_that_nobody_would_find_again(stage: Theatre, shop: Shop) -> None:
    rollback = begun(stage.unship, shop)
    with gone(stage):
        assert_told(stage.unship, "The file of the database is gone")
        assert stage.unship.execution(rollback)["status"] == "RUNNING", "reading goes on"
        until_met(stage.unship)
        assert not (stage.directory / "data" / "unship.db").exists(), "no empty one is made in its place"
    assert_back(stage.unship)
    assert_ended_right(stage.unship, shop, rollback)


def test_a_run_is_accepted_while_the_engine_cannot_take_it(stage: Theatre, shop: Shop) -> None:
    with locked(stage, "unship.db-engine"):
        asked = {"pipelineIdentifier": shop.name, "variables": {"tag": NEW}}
        answer = stage.unship.client.post(
            stage.unship.url, json={"query": RUN, "variables": {"input": asked}}, timeout=_ACCEPTED_SECONDS
        )
        execution: str = answer.json()["data"]["runPipeline"]["execution"]["id"]
        assert stage.unship.execution(execution)["status"] == "QUEUED"
    assert stage.unship.finish(execution) == "SUCCEEDED"
