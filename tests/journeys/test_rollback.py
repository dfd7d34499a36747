"""The main job: deploy twice, roll back, and everything is as it was before, proved at the platform."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.shop import NEW, OLD, Shop
from tests.support.transcript import transcript
from tests.support.unship import Unship

GOLDEN = Path(__file__).parents[1] / "transcripts" / "rollback.txt"


def image(tag: str) -> str:
    return f"library/nginx:{tag}"


def test_rule_10_instances_are_as_before_the_deployment(unship: Unship, shop: Shop) -> None:
    unship.deploy(shop.name, tag=OLD)
    before = {pod: shop.images(pod) for pod in ("prod", "staging")}
    deployment = unship.deploy(shop.name, tag=NEW)
    assert shop.images("prod") == [image(NEW)] * 3
    rollback = unship.rolled_back(deployment)
    assert unship.execution(rollback)["status"] == "SUCCEEDED"
    assert {pod: shop.images(pod) for pod in ("prod", "staging")} == before
    assert shop.config("prod") == shop.config("staging") == {"release": OLD}


def test_rule_9_stages_roll_back_in_reverse_order(unship: Unship, shop: Shop) -> None:
    unship.deploy(shop.name, tag=OLD)
    rollback = unship.rolled_back(unship.deploy(shop.name, tag=NEW))
    events = unship.events(rollback)
    started = [event["stage"]["identifier"] for event in events if event.get("stageStatus") == "RUNNING"]
    ended = [event["stage"]["identifier"] for event in events if event.get("stageStatus") == "SUCCEEDED"]
    assert started == ended == ["production", "staging"]


def test_rule_8_expressions_resolve_to_recorded_values(unship: Unship, shop: Shop) -> None:
    unship.deploy(shop.name, tag=OLD)
    rollback = unship.rolled_back(unship.deploy(shop.name, tag=NEW))
    production = unship.execution(rollback)["stages"][0]
    announced = production["steps"][1]["outputs"]["output"]
    assert announced.strip() == f"undoing 2 ({NEW}), rolled out as release 2"


def test_golden_transcript(unship: Unship, shop: Shop) -> None:
    unship.deploy(shop.name, tag=OLD)
    rollback = unship.rolled_back(unship.deploy(shop.name, tag=NEW))
    assert transcript(unship.events(rollback)) == GOLDEN.read_text()


@pytest.mark.parametrize("batches", [1, 3])
def test_progress_resumes_after_a_cursor_without_gap_or_duplicate(
    unship: Unship, shop: Shop, batches: int
) -> None:
    unship.deploy(shop.name, tag=OLD)
    deployment = unship.deploy(shop.name, tag=NEW)
    rollback = unship.roll_back(target={"executionId": deployment})["execution"]["id"]
    seen: list[int] = []
    cursor = None
    with unship.progress(rollback) as stream:
        for _ in range(batches):
            batch = next(stream)
            seen += [event["sequence"] for event in batch["events"]]
            cursor = batch["cursor"]
    with unship.progress(rollback, after=cursor) as stream:
        for batch in stream:
            seen += [event["sequence"] for event in batch["events"]]
    assert seen == list(range(1, len(seen) + 1))
    assert unship.execution(rollback)["status"] == "SUCCEEDED"
