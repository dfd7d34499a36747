"""SIGKILL on the way of the web shop, whose stages follow each other and run a script: all of it happens once.

`test_matrix.py` has the other platforms, and more points.
"""

from __future__ import annotations

import pytest

from tests.durability.ordeals import AtEvent, AtReply, AtRequest, Kill, Theatre
from tests.durability.rehearsal import killed_deployment, killed_rollback
from tests.durability.traps import Moment
from tests.support.shop import NEW, Shop

BEFORE, AFTER = Moment.BEFORE, Moment.AFTER

ROLLBACKS: dict[str, list[Kill]] = {
    "at the reply": [AtReply()],
    "at the first event": [AtEvent(1)],
    "while pods roll": [AtEvent(6)],
    "before the last event": [AtEvent(24)],
    "and again during the recovery": [AtEvent(4), AtRequest(3, AFTER), AtEvent(8)],
}
DEPLOYMENTS: dict[str, list[Kill]] = {
    "at the reply": [AtReply()],
    "before a request": [AtRequest(9, BEFORE)],
    "after a request": [AtRequest(10, AFTER)],
    "and again during the recovery": [AtEvent(4), AtRequest(5, AFTER)],
}


@pytest.mark.parametrize("kills", ROLLBACKS.values(), ids=ROLLBACKS.keys())
def test_a_killed_rollback_ends_right(stage: Theatre, shop: Shop, kills: list[Kill]) -> None:
    deployment = stage.unship.deploy(shop.name, tag=NEW)
    course = killed_rollback(stage, shop, deployment, kills)
    assert len(course.killed_at) == len(kills)


@pytest.mark.parametrize("kills", DEPLOYMENTS.values(), ids=DEPLOYMENTS.keys())
def test_a_killed_deployment_ends_right(stage: Theatre, shop: Shop, kills: list[Kill]) -> None:
    course = killed_deployment(stage, shop, kills)
    assert len(course.killed_at) == len(kills)
