"""A server's clock is set by an hour while it works: nothing waits for it, nothing is mistaken for older."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from db.columns import now
from pipelines.runner.deadlines import seconds_until
from sandbox.__main__ import write_connectors
from tests.durability.clocks import OFF_BY, ticking
from tests.durability.outages import readiness
from tests.durability.traps import TrappedCluster
from tests.journeys.yard import until_running
from tests.support.shop import NEW, OLD, Shop
from tests.support.unship import Unship

HOUR = 3600
_PATIENT = """
pipeline:
  identifier: patient
  name: Patient
  stages:
    - stage:
        identifier: wait
        name: Wait
        type: Custom
        spec:
          execution:
            steps:
              - step: {identifier: pause, name: Pause, type: Wait, spec: {duration: 3s}}
              - step:
                  identifier: after
                  name: After
                  type: ShellScript
                  timeout: 10s
                  spec: {shell: Bash, source: {type: Inline, spec: {script: "true"}}}
"""


@dataclass(frozen=True)
class Clock:
    """The one of the server."""

    path: Path

    def set(self, seconds: float) -> None:
        """Be off by so much, at once."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.rename(self.path)


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    return Clock(tmp_path_factory.mktemp("clock") / "off-by")


@pytest.fixture(scope="module")
def unship(world: TrappedCluster, clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Generator[Unship]:
    directory = tmp_path_factory.mktemp("ticking")
    write_connectors([world], directory)
    variables = {"UNSHIP_CONNECTORS": str(directory / "connectors.yaml"), OFF_BY: str(clock.path)}
    running = Unship(directory, variables, launch=ticking)
    running.start()
    yield running
    running.stop()
    running.client.close()


@pytest.mark.parametrize("seconds", [-HOUR, HOUR])
def test_a_wait_lasts_as_long_as_it_was_to(unship: Unship, clock: Clock, seconds: float) -> None:
    clock.set(0)
    assert unship.apply(_PATIENT) == []
    execution = unship.run("patient")
    until_running(unship, execution, "pause")
    clock.set(seconds)
    assert unship.finish(execution) == "SUCCEEDED"
    assert readiness(unship)[0] == 200


def test_a_later_deployment_is_the_later_one(
    unship: Unship, world: TrappedCluster, clock: Clock, shop_name: str
) -> None:
    """Also where the clock says otherwise: what is undone must be the latest."""
    clock.set(0)
    shop = Shop(shop_name, world)
    assert unship.apply(shop.yaml()) == []
    unship.deploy(shop.name, tag=OLD)
    before = unship.deploy(shop.name, tag=NEW)
    clock.set(-HOUR)
    after = unship.deploy(shop.name, tag=OLD)
    assert "NOT_LATEST_DEPLOYMENT" in unship.reasons(executionId=before)
    assert unship.eligibility(executionId=after)["verdict"] == "ELIGIBLE"
    (newest,) = unship.data("{ executions(first: 1) { nodes { id } } }")["executions"]["nodes"]
    assert newest["id"] == after
    rollback = unship.rolled_back(after)
    assert unship.execution(rollback)["status"] == "SUCCEEDED"
    assert {image.partition(":")[2] for image in shop.images("prod")} == {NEW}


def test_no_try_lasts_longer_than_its_timeout_because_the_clock_was_set_back() -> None:
    assert seconds_until(now() + timedelta(seconds=HOUR), timeout=60) == 60
    assert 0 < seconds_until(now() + timedelta(seconds=20), timeout=60) <= 20
    assert seconds_until(now() - timedelta(seconds=HOUR), timeout=60) == 30
