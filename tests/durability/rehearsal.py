"""One deployment and one rollback with kills on the way, and everything that must hold afterwards."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from tests.durability.ordeals import DEPLOYED, ROLLED_BACK, Course, Kill, Theatre, assert_log_is_sound
from tests.support.shop import NEW, OLD, Shop

_keys = itertools.count(1)


def killed_deployment(theatre: Theatre, shop: Shop, kills: Sequence[Kill]) -> Course:
    """Deploy the new version with kills on the way: it succeeds, and each effect is there once."""
    key, mark = f"deploy-{next(_keys)}", theatre.effects.mark

    def accept() -> str:
        payload = theatre.unship.data(
            "mutation ($input: RunPipelineInput!) { runPipeline(input: $input) "
            "{ execution { id } userErrors { code message } } }",
            input={"pipelineIdentifier": shop.name, "variables": {"tag": NEW}, "idempotencyKey": key},
        )["runPipeline"]
        assert payload["userErrors"] == []
        execution: str = payload["execution"]["id"]
        return execution

    course = theatre.suffer(accept, kills)
    assert course.missed == []
    assert course.status == "SUCCEEDED", (course, theatre.unship.execution(course.execution))
    assert_log_is_sound(course)
    effects = theatre.effects.since(mark, *namespaces(shop))
    effects.pop("ReplicaSet created", None)
    assert effects == DEPLOYED, course.killed_at
    assert shop.images("prod") == shop.images("staging") == [f"library/nginx:{NEW}"] * 3
    return course


def killed_rollback(theatre: Theatre, shop: Shop, deployment: str, kills: Sequence[Kill]) -> Course:
    """Roll a deployment back with kills on the way: it succeeds, and each effect is there once."""
    key, mark = f"undo-{next(_keys)}", theatre.effects.mark

    def accept() -> str:
        payload = theatre.unship.roll_back(target={"executionId": deployment}, idempotencyKey=key)
        assert payload["userErrors"] == []
        execution: str = payload["execution"]["id"]
        return execution

    course = theatre.suffer(accept, kills)
    assert course.missed == []
    assert course.status == "SUCCEEDED", (course, theatre.unship.execution(course.execution))
    assert_log_is_sound(course)
    assert theatre.effects.since(mark, *namespaces(shop)) == ROLLED_BACK, course.killed_at
    assert shop.images("prod") == shop.images("staging") == [f"library/nginx:{OLD}"] * 3
    assert len(theatre.unship.execution(deployment)["rollbacks"]) == 1
    return course


def namespaces(shop: Shop) -> tuple[str, str]:
    return shop.namespace("prod"), shop.namespace("staging")
