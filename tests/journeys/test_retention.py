"""What is old goes, and nothing that anybody may still ask for: a rollback answers and works as before."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from db.columns import now
from db.database import Database
from pipelines.retention import Retired, retire
from tests.journeys.yard import NEW, NEXT, OLD, Yard, executions_of, rollout, script
from tests.support.unship import Unship, serving

# A version that is deployed, and then found wanting.
UNWANTED = "v9"
_PATIENCE_SECONDS = 30.0


def retired(unship: Unship) -> Retired:
    """Retire everything that is not needed, as if it had ended long ago."""

    async def run() -> Retired:
        database = Database(f"sqlite:///{unship.directory}/data/unship.db")
        try:
            return await retire(database, now())
        finally:
            await database.close()

    return asyncio.run(run())


def found(unship: Unship, execution: str) -> bool:
    node: Any = unship.data("query ($id: ID!) { execution(id: $id) { id } }", id=execution)["execution"]
    return node is not None


def asked(yard: Yard, *executions: str) -> list[Any]:
    """Everything that is answered about these executions and the two places."""
    verdicts = [yard.unship.eligibility(executionId=one) | {"evaluatedAt": ""} for one in executions]
    plans = [yard.unship.plan(executionId=one) for one in executions]
    details = [yard.unship.execution(one) for one in executions]
    events = [yard.unship.events(one) for one in executions]
    places = [yard.dashboard(name) for name in ("prod", "staging")]
    return [verdicts, plans, details, events, places]


def test_what_is_needed_stays_and_the_rest_goes(yard: Yard) -> None:
    unship = yard.unship
    look = script("look", f'[ "<+artifact.tag>" != {UNWANTED} ]')
    prod = yard.stage("prod", steps=[rollout(), look])
    yard.apply(yard.stage("staging"), prod, environments=("staging", "prod"))
    first, second = yard.deploy(OLD), yard.deploy(NEW)
    failed = yard.ran(UNWANTED)[0]
    undone = yard.deploy(NEXT)
    undo = unship.rolled_back(undone)
    # Only one place has a newer deployment, so the older one is still the latest of the other.
    yard.apply_documents(yard.pipeline(prod, identifier=f"{yard.name}_prod"))
    latest = unship.deploy(f"{yard.name}_prod", tag=NEW)
    stay = (undone, undo, latest)
    before = asked(yard, undone, latest)
    gone = retired(unship)
    assert gone.executions == 3
    assert gone.instances > 0
    assert [found(unship, one) for one in (first, second, failed, *stay)] == [False] * 3 + [True] * 3
    assert asked(yard, undone, latest) == before
    assert retired(unship).executions == 0

    failed_later = yard.ran(UNWANTED)[0]
    assert retired(unship).executions == 0, "the latest execution at a target is what its dashboard shows"
    assert unship.eligibility(executionId=latest)["verdict"] == "ELIGIBLE_WITH_WARNINGS"
    assert unship.execution(unship.rolled_back(latest))["status"] == "SUCCEEDED"
    assert set(yard.tags("prod")) == {UNWANTED}, (
        "what ran there when it was deployed, of a run that is gone by now"
    )
    assert found(unship, failed_later)
    assert len(executions_of(unship, yard.name)) == 3


def test_a_server_retires_what_is_older_than_its_setting(connectors: Path, tmp_path: Path, yard: Yard) -> None:
    """One look when it starts, then one an hour; with 0 it keeps everything."""
    with serving(tmp_path, connectors=str(connectors), retention_days="0") as unship:
        own = Yard(yard.name, unship, yard.world)
        own.apply(own.stage("prod"))
        old = [own.deploy(tag) for tag in (OLD, NEW, OLD)]
        unship.stop()
        unship.start()
        latest = own.deploy(NEW)
        assert all(found(unship, one) for one in old)
        unship.stop()
        unship.settings = {**unship.settings, "UNSHIP_RETENTION_DAYS": "1e-9"}
        unship.start()
        until = time.monotonic() + _PATIENCE_SECONDS
        while any(found(unship, one) for one in old):
            assert time.monotonic() < until, "nothing is retired"
            time.sleep(0.02)
        assert unship.eligibility(executionId=latest)["verdict"] == "ELIGIBLE"
        assert "retired 3 executions and" in unship.log
