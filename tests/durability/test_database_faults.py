"""A database that cannot write for a while: clients are told so, and a rollback under way goes on after it."""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager

from tests.durability.ordeals import Theatre
from tests.support.shop import NEW, OLD, Shop

# Beyond this offset no file may be written; the log of the server is shorter, the database's is longer.
_FULL = 32 * 1024
_MET = "the database is unavailable, next try in"
_NEW_SERVICE = """mutation { applyConfiguration(input: {yaml: "service: {identifier: late, name: late,\
 serviceDefinition: {type: Kubernetes, spec: {}}}"}) { applied { id } userErrors { message } } }"""


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
def locked(stage: Theatre) -> Generator[None]:
    """Somebody else holds the write lock of both databases within the block."""
    data = stage.directory / "data"
    with (
        closing(sqlite3.connect(data / "unship.db", isolation_level=None)) as application,
        closing(sqlite3.connect(data / "unship.db-engine", isolation_level=None)) as engine,
    ):
        application.execute("BEGIN IMMEDIATE")
        engine.execute("BEGIN IMMEDIATE")
        yield


def begun(stage: Theatre, shop: Shop) -> str:
    """A rollback whose first step has just begun."""
    deployment = stage.unship.deploy(shop.name, tag=NEW)
    rollback: str = stage.unship.roll_back(target={"executionId": deployment})["execution"]["id"]
    with stage.unship.progress(rollback) as batches:
        next(batch for batch in batches if batch["events"][-1]["sequence"] >= 4)
    return rollback


def until_met(stage: Theatre) -> None:
    """Until the rollback under way has met the fault."""
    before = stage.unship.log.count(_MET)
    until = time.monotonic() + 30
    while stage.unship.log.count(_MET) == before:
        assert time.monotonic() < until, "the rollback did not meet the fault"
        time.sleep(0.05)


def assert_ended_right(stage: Theatre, shop: Shop, rollback: str) -> None:
    assert stage.unship.finish(rollback) == "SUCCEEDED"
    sequences = [event["sequence"] for event in stage.unship.events(rollback)]
    assert sequences == list(range(1, len(sequences) + 1))
    for environment in ("staging", "prod"):
        assert {image.partition(":")[2] for image in shop.images(environment)} == {OLD}


def test_a_full_disk_is_outlasted(stage: Theatre, shop: Shop) -> None:
    rollback = begun(stage, shop)
    with full_disk(stage):
        refused = stage.unship.post(_NEW_SERVICE)
        (error,) = refused["errors"]
        assert error["extensions"]["code"] == "UNAVAILABLE"
        assert error["message"].startswith("The disk of the database ")
        ready = stage.unship.client.get(stage.unship.url.replace("graphql", "readyz"))
        assert (ready.status_code, "The disk of the database " in ready.text) == (503, True)
        assert stage.unship.execution(rollback)["status"] == "RUNNING", "reading goes on"
        until_met(stage)
    assert_ended_right(stage, shop, rollback)


def test_a_locked_database_is_waited_for(stage: Theatre, shop: Shop) -> None:
    rollback = begun(stage, shop)
    with locked(stage):
        before = stage.unship.execution(rollback)
        until_met(stage)
        assert stage.unship.execution(rollback) == before, "nothing can be recorded, so nothing goes on"
    assert_ended_right(stage, shop, rollback)
