"""What earlier versions left goes on under this one: their records, and what they had under way when they ended.

`history/` has, by migration and kind, the databases of a version at that migration, as SQL: the web shop of the
examples deployed twice, rolled back and deployed again, and a pipeline whose server was killed (SIGKILL) in its
Wait step.
"""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.durability.ordeals import bare
from tests.durability.record_history import DATABASES, HISTORY, POSTGRES, SHOP, WAITING
from tests.security.operator import Operator
from tests.support.unship import Unship

NEWER, NEWEST = "stable-bookworm-perl", "stable-trixie-perl"
_BEFORE = "SELECT id, status, last_sequence FROM execution ORDER BY id"


@dataclass(frozen=True)
class Left:
    """An installation of an earlier version, not started since.

    `before`: by id, the status and the number of events of each execution.
    """

    unship: Unship
    settings: dict[str, str]
    before: dict[str, tuple[str, int]]


def _text(kept: Path, name: str) -> str:
    return gzip.decompress((kept / f"{name}.sql.gz").read_bytes()).decode()


def _restored(kept: Path, data: Path) -> list[tuple[str, str, int]]:
    """The embedded databases as they were left, in their place."""
    for name in DATABASES:
        (data / name).touch(mode=0o600)
        with closing(sqlite3.connect(data / name)) as connection:
            connection.executescript(_text(kept, name))
    with closing(sqlite3.connect(data / "unship.db")) as connection:
        return connection.execute(_BEFORE).fetchall()


def _restored_in(kept: Path, url: str) -> list[tuple[str, str, int]]:
    with psycopg.connect(url) as connection:
        connection.execute(_text(kept, POSTGRES).encode())
    with psycopg.connect(url) as connection:
        return connection.execute(_BEFORE).fetchall()


@pytest.fixture(params=sorted(str(path.relative_to(HISTORY)) for path in HISTORY.glob("*/*")))
def left(request: pytest.FixtureRequest, connectors: Path, tmp_path: Path) -> Generator[Left]:
    kept, data = HISTORY / request.param, tmp_path / "data"
    data.mkdir(mode=0o700)
    # What was recorded stays the same, and the day on which this runs does not.
    settings = {"connectors": str(connectors), "retention_days": "36500"}
    if kept.name == "sqlite":
        rows = _restored(kept, data)
    else:
        settings |= {"database_url": request.getfixturevalue("postgres_url"), "lease_seconds": "1"}
        rows = _restored_in(kept, settings["database_url"])
    shutil.copyfile(kept / "audit.key", data / "audit.key")
    (data / "audit.key").chmod(0o600)
    unship = Unship(tmp_path, {f"UNSHIP_{name.upper()}": value for name, value in settings.items()})
    yield Left(unship, settings, {key: (status, events) for key, status, events in rows})
    unship.stop()
    unship.client.close()


def executions(unship: Unship, pipeline: str) -> list[dict[str, Any]]:
    """Oldest first."""
    found: list[dict[str, Any]] = unship.data(
        "query ($p: String!) { pipeline(identifier: $p) { executions(first: 50) { nodes { id status kind } } } }",
        p=pipeline,
    )["pipeline"]["executions"]["nodes"]
    return found[::-1]


def test_an_earlier_version_s_records_and_work_go_on(left: Left) -> None:
    unship, before = left.unship, left.before
    unship.start()
    (waiting,) = executions(unship, WAITING)
    assert before[bare(waiting["id"])][0] == "RUNNING"
    assert unship.finish(waiting["id"]) == "SUCCEEDED"
    steps = unship.execution(waiting["id"])["stages"][0]["steps"]
    said = {step["identifier"]: step["outputs"].get("outputVariables", {}).get("SAID") for step in steps}
    assert said == {"before": "before", "pause": None, "after": "after"}
    shown = executions(unship, SHOP)
    assert [one["kind"] for one in shown] == ["DEPLOYMENT", "DEPLOYMENT", "ROLLBACK", "DEPLOYMENT"]
    assert [one["status"] for one in shown] == [before[bare(one["id"])][0] for one in shown]
    for one in [*shown, waiting]:
        sequences = [event["sequence"] for event in unship.events(one["id"])]
        assert sequences == list(range(1, len(sequences) + 1))
        assert len(sequences) >= before[bare(one["id"])][1] > 0
    _, undone, _, latest = shown
    assert "ALREADY_ROLLED_BACK" in unship.reasons(executionId=undone["id"])
    assert unship.eligibility(executionId=latest["id"])["verdict"] in ("INELIGIBLE", "ELIGIBLE_WITH_WARNINGS")
    unship.deploy(SHOP, tag=NEWER)
    unship.rolled_back(unship.deploy(SHOP, tag=NEWEST))
    said = Operator(unship.directory / "data", left.settings).run("check")
    assert said.code == 0, said.output
