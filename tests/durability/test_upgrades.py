"""What earlier versions left goes on under this one: their records, and what they had under way when they ended.

`history/` has, by migration, both databases of a version at that migration, as SQL: the web shop of the examples
deployed twice, rolled back and deployed again, and a pipeline whose server was killed (SIGKILL) in its Wait step.
"""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.durability.ordeals import bare
from tests.durability.record_history import DATABASES, HISTORY, SHOP, WAITING
from tests.security.operator import Operator
from tests.support.unship import Unship

NEWER, NEWEST = "stable-bookworm-perl", "stable-trixie-perl"


def restored(revision: str, data: Path) -> None:
    data.mkdir(mode=0o700)
    for name in DATABASES:
        (data / name).touch(mode=0o600)
        with closing(sqlite3.connect(data / name)) as connection:
            connection.executescript(
                gzip.decompress((HISTORY / revision / f"{name}.sql.gz").read_bytes()).decode()
            )
    shutil.copyfile(HISTORY / revision / "audit.key", data / "audit.key")
    (data / "audit.key").chmod(0o600)


def executions_before(data: Path) -> dict[str, tuple[str, int]]:
    """By id, the status and the number of events of each execution."""
    with closing(sqlite3.connect(data / "unship.db")) as connection:
        rows = connection.execute("SELECT id, status, last_sequence FROM execution ORDER BY id").fetchall()
    return {key: (status, events) for key, status, events in rows}


def executions(unship: Unship, pipeline: str) -> list[dict[str, Any]]:
    """Oldest first."""
    found: list[dict[str, Any]] = unship.data(
        "query ($p: String!) { pipeline(identifier: $p) { executions(first: 50) { nodes { id status kind } } } }",
        p=pipeline,
    )["pipeline"]["executions"]["nodes"]
    return found[::-1]


@pytest.fixture(params=sorted(path.name for path in HISTORY.iterdir()))
def unship(request: pytest.FixtureRequest, connectors: Path, tmp_path: Path) -> Generator[Unship]:
    """An installation of a version at that migration, not started since."""
    restored(request.param, tmp_path / "data")
    # What was recorded stays the same, and the day on which this runs does not.
    settings = {"UNSHIP_CONNECTORS": str(connectors), "UNSHIP_RETENTION_DAYS": "36500"}
    installation = Unship(tmp_path, settings)
    yield installation
    installation.stop()
    installation.client.close()


def test_an_earlier_version_s_records_and_work_go_on(unship: Unship, connectors: Path) -> None:
    data = unship.directory / "data"
    before = executions_before(data)
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
    said = Operator(data, {"connectors": str(connectors)}).run("check")
    assert said.code == 0, said.output
