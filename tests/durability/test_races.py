"""Many requests at the same moment: one wins, the others are told why not, and nothing happens twice.

UNSHIP_ROUNDS=20 in the environment plays it twenty times.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.durability.crowds import MANY, ROLL_BACK, RUN, all_at_once, codes, executions
from tests.durability.ordeals import DEPLOYED, ROLLED_BACK, Theatre
from tests.durability.rehearsal import namespaces
from tests.durability.traps import held
from tests.support.shop import NEW, Shop

pytestmark = pytest.mark.usefixtures("each_round")


def undoing(deployment: str, **more: Any) -> dict[str, Any]:
    return {"target": {"executionId": deployment}, **more}


def running(shop: Shop, **more: Any) -> dict[str, Any]:
    return {"pipelineIdentifier": shop.name, "variables": {"tag": NEW}, **more}


def test_of_many_rollbacks_of_one_execution_one_starts(stage: Theatre, shop: Shop) -> None:
    deployment = stage.unship.deploy(shop.name, tag=NEW)
    mark = stage.effects.mark
    payloads = all_at_once(stage.unship.url, ROLL_BACK, [undoing(deployment)] * MANY)
    (rollback,) = executions(payloads)
    refusals = codes(payloads)
    # The last one: a click that a busy machine handles only when the rollback has ended.
    assert refusals.keys() <= {"ROLLBACK_IN_PROGRESS", "TARGET_BUSY", "ALREADY_ROLLED_BACK"}
    assert refusals.total() == MANY - 1
    refused = [payload for payload in payloads if payload["execution"] is None]
    assert {payload["eligibility"]["verdict"] for payload in refused} == {"INELIGIBLE"}
    assert stage.unship.finish(rollback) == "SUCCEEDED"
    assert [made["id"] for made in stage.unship.execution(deployment)["rollbacks"]] == [rollback]
    assert stage.effects.since(mark, *namespaces(shop)) == ROLLED_BACK


def test_many_rollbacks_with_one_key_are_one_rollback_with_equal_answers(stage: Theatre, shop: Shop) -> None:
    deployment = stage.unship.deploy(shop.name, tag=NEW)
    mark = stage.effects.mark
    payloads = all_at_once(stage.unship.url, ROLL_BACK, [undoing(deployment, idempotencyKey=shop.name)] * MANY)
    assert codes(payloads).total() == 0
    answers = set(executions(payloads))
    assert len(answers) == 1
    assert len(executions(payloads)) == MANY
    (rollback,) = answers
    assert stage.unship.finish(rollback) == "SUCCEEDED"
    again = stage.unship.roll_back(**undoing(deployment, idempotencyKey=shop.name))
    assert (again["execution"]["id"], again["userErrors"]) == (rollback, [])
    assert stage.effects.since(mark, *namespaces(shop)) == ROLLED_BACK
    other = stage.unship.roll_back(**undoing(deployment, idempotencyKey=shop.name, reason="another one"))
    assert [error["code"] for error in other["userErrors"]] == ["IDEMPOTENCY_KEY_REUSED"]
    assert other["execution"] is None


def test_one_key_with_different_inputs_at_once_starts_one(stage: Theatre, shop: Shop) -> None:
    deployment = stage.unship.deploy(shop.name, tag=NEW)
    wishes = [
        undoing(deployment, idempotencyKey=shop.name, reason=f"for the {number}th time") for number in range(MANY)
    ]
    payloads = all_at_once(stage.unship.url, ROLL_BACK, wishes)
    (rollback,) = executions(payloads)
    assert codes(payloads) == {"IDEMPOTENCY_KEY_REUSED": MANY - 1}
    assert stage.unship.finish(rollback) == "SUCCEEDED"


def test_of_many_runs_of_one_pipeline_one_gets_the_targets(stage: Theatre, shop: Shop) -> None:
    mark = stage.effects.mark
    # The execution does not end before all requests are decided.
    with held(stage.world):
        payloads = all_at_once(stage.unship.url, RUN, [running(shop)] * MANY)
    (execution,) = executions(payloads)
    assert codes(payloads) == {"TARGET_BUSY": MANY - 1}
    assert stage.unship.finish(execution) == "SUCCEEDED"
    effects = stage.effects.since(mark, *namespaces(shop))
    assert effects == {**DEPLOYED, "ReplicaSet created": 2}


def test_many_runs_with_one_key_are_one_run(stage: Theatre, shop: Shop) -> None:
    payloads = all_at_once(stage.unship.url, RUN, [running(shop, idempotencyKey=shop.name)] * MANY)
    assert codes(payloads).total() == 0
    assert len(executions(payloads)) == MANY
    (execution,) = set(executions(payloads))
    assert stage.unship.finish(execution) == "SUCCEEDED"
    other = all_at_once(stage.unship.url, RUN, [running(shop, idempotencyKey=shop.name, reason="other")])
    assert codes(other) == {"IDEMPOTENCY_KEY_REUSED": 1}


def test_two_pipelines_on_one_target_exclude_each_other(stage: Theatre, shop: Shop) -> None:
    documents = shop.documents()
    documents[-1]["pipeline"]["identifier"] = f"{shop.name}_twin"
    assert stage.unship.apply(shop.yaml(documents)) == []
    wishes = [running(shop), {**running(shop), "pipelineIdentifier": f"{shop.name}_twin"}] * (MANY // 2)
    with held(stage.world):
        payloads = all_at_once(stage.unship.url, RUN, wishes)
    (execution,) = executions(payloads)
    assert codes(payloads) == {"TARGET_BUSY": MANY - 1}
    assert stage.unship.finish(execution) == "SUCCEEDED"


def test_a_rollback_and_a_run_at_once_do_not_both_get_the_target(stage: Theatre, shop: Shop) -> None:
    deployment = stage.unship.deploy(shop.name, tag=NEW)
    rollback = stage.unship.roll_back(**undoing(deployment))["execution"]["id"]
    (payload,) = all_at_once(stage.unship.url, RUN, [running(shop)])
    assert codes([payload]) == {"TARGET_BUSY": 1}
    assert stage.unship.finish(rollback) == "SUCCEEDED"
    assert "Traceback" not in stage.unship.log
