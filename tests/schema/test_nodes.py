"""Everything that has an id can be fetched again by it; what is not an id of ours is not there."""

from __future__ import annotations

import base64
import re
from typing import Any

import orjson
import pytest

from tests.schema.api import Api, run

_ALL = (
    "services(first: 1) { nodes { id instances(first: 1) { nodes { id } } } } "
    "environments(first: 1) { nodes { id infrastructures { id } } } environmentGroups { nodes { id } } "
    "pipelines(first: 1) { nodes { id } } executions(first: 1) { nodes { id stages { id steps { id } } } }"
)


def _ids(found: Any) -> list[str]:
    """Every `id` in the data."""
    return re.findall(r'"id":"([^"]+)"', orjson.dumps(found).decode())


def test_every_id_leads_back_to_its_node(history_url: str) -> None:
    async def check(api: Api) -> None:
        ids = _ids(await api.data(f"{{ {_ALL} }}"))
        names: set[str] = set()
        for one in ids:
            query = "query ($id: ID!) { node(id: $id) { __typename id } }"
            node = (await api.data(query, {"id": one}))["node"]
            assert node["id"] == one
            names.add(node["__typename"])
        assert names == {
            "Service",
            "Instance",
            "Environment",
            "Infrastructure",
            "EnvironmentGroup",
            "Pipeline",
            "Execution",
            "Stage",
            "Step",
        }

    run(history_url, check)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "nonsense",
        "\u00e4",
        "=" * 10,
        "A" * 100_000,
        base64.urlsafe_b64encode(b"Service:" + b"0" * 32).decode().rstrip("="),
        base64.urlsafe_b64encode(b"Nothing:" + b"0" * 32).decode().rstrip("="),
        base64.urlsafe_b64encode(b"Service:" + b"0" * 31).decode().rstrip("="),
        base64.urlsafe_b64encode(b"Service:' OR 1=1 --").decode(),
    ],
)
def test_what_is_not_an_id_is_not_there(history_url: str, value: str) -> None:
    async def check(api: Api) -> None:
        query = (
            "query ($id: ID!) { node(id: $id) { id } instance(id: $id) { id } execution(id: $id) { id } "
            "service(identifier: $text) { id } environment(identifier: $text) { id } "
            "pipeline(identifier: $text) { id } }"
        ).replace("($id: ID!)", "($id: ID!, $text: String!)")
        found = await api.data(query, {"id": value, "text": value})
        assert set(found.values()) == {None}

    run(history_url, check)


def test_an_id_of_another_type_is_not_there(history_url: str) -> None:
    async def check(api: Api) -> None:
        service = (await api.data("{ services(first: 1) { nodes { id } } }"))["services"]["nodes"][0]["id"]
        query = "query ($id: ID!) { instance(id: $id) { id } execution(id: $id) { id } }"
        assert await api.data(query, {"id": service}) == {"instance": None, "execution": None}
        query = "query ($id: ID!) { rollbackEligibility(target: {executionId: $id}) { verdict } }"
        assert (await api.ask(query, {"id": service})).codes == ["INVALID_ID"]

    run(history_url, check)
