"""Outages of a database: a rollback that is under way when one comes, what clients are told, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.support.shop import NEW, OLD, Shop
from tests.support.unship import Unship

MET = "the database is unavailable, next try in"
_PATIENCE_SECONDS = 30.0
_BACK_SECONDS = 15.0


def service(identifier: str) -> str:
    """A mutation that makes a service of that name."""
    return (
        f'mutation {{ applyConfiguration(input: {{yaml: "service: {{identifier: {identifier}, name: {identifier}, '
        'serviceDefinition: {type: Kubernetes, spec: {}}}"}) { applied { id } userErrors { message } } }'
    )


def begun(unship: Unship, shop: Shop) -> str:
    """A rollback whose first step has just begun."""
    deployment = unship.deploy(shop.name, tag=NEW)
    rollback: str = unship.roll_back(target={"executionId": deployment})["execution"]["id"]
    with unship.progress(rollback) as batches:
        next(batch for batch in batches if batch["events"][-1]["sequence"] >= 4)
    return rollback


def until(happened: Callable[[], object], what: str, within: float = _PATIENCE_SECONDS) -> None:
    """Wait until that has happened."""
    end = time.monotonic() + within
    while not happened():
        assert time.monotonic() < end, f"not within {within:g} s: {what}"
        time.sleep(0.05)


def until_met(unship: Unship) -> None:
    """Until the rollback under way has met the outage."""
    before = unship.log.count(MET)
    until(lambda: unship.log.count(MET) > before, "the rollback meets the outage")


def readiness(unship: Unship) -> tuple[int, str]:
    """What /readyz says."""
    answer = unship.client.get(unship.url.replace("graphql", "readyz"))
    return answer.status_code, answer.text


def assert_told(unship: Unship, words: str) -> None:
    """A mutation is refused with UNAVAILABLE, and the process is not ready; both say why in these words."""
    (error,) = unship.post(service("late"))["errors"]
    assert (error["extensions"], error["message"]) == ({"code": "UNAVAILABLE"}, f"{words}; try again.")
    status, said = readiness(unship)
    assert (status, words in said) == (503, True), said


def assert_back(unship: Unship) -> None:
    """Everything works soon after the end of the outage."""
    until(lambda: readiness(unship)[0] == 200, "the process is ready", _BACK_SECONDS)
    answer = unship.data(service("afterwards"))["applyConfiguration"]
    assert answer["applied"]
    assert answer["userErrors"] == []


def assert_ended_right(unship: Unship, shop: Shop, rollback: str) -> None:
    """The rollback went on by itself, its journal has no gap, and the old version runs."""
    assert unship.finish(rollback) == "SUCCEEDED"
    sequences = [event["sequence"] for event in unship.events(rollback)]
    assert sequences == list(range(1, len(sequences) + 1))
    for environment in ("staging", "prod"):
        assert {image.partition(":")[2] for image in shop.images(environment)} == {OLD}
