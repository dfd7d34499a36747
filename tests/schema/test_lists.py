"""Lists through the schema: windows, filters, orders, page info, totals, and refusals with their codes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.schema.api import Api, run


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("", "FIRST_OR_LAST_REQUIRED"),
        ("(first: 1, last: 1)", "FIRST_OR_LAST_REQUIRED"),
        ("(first: 0)", "LIMIT_OUT_OF_RANGE"),
        ("(first: 101)", "LIMIT_OUT_OF_RANGE"),
        ("(last: -1)", "LIMIT_OUT_OF_RANGE"),
        ('(first: 1, after: "nonsense")', "INVALID_CURSOR"),
        ('(last: 1, before: "")', "INVALID_CURSOR"),
        ("(first: null)", "FIRST_OR_LAST_REQUIRED"),
    ],
)
@pytest.mark.parametrize("name", ["services", "environments", "instances", "executions"])
def test_wrong_windows_are_refused(history_url: str, name: str, arguments: str, code: str) -> None:
    async def check(api: Api) -> None:
        answer = await api.ask(f"{{ {name}{arguments} {{ nodes {{ id }} }} }}")
        assert answer.codes == [code]

    run(history_url, check)


def test_small_lists_need_no_size(history_url: str) -> None:
    async def check(api: Api) -> None:
        found = await api.data(
            "{ pipelines { totalCount nodes { identifier } } environmentGroups { nodes { name } } }"
        )
        assert found["pipelines"]["totalCount"] == len(found["pipelines"]["nodes"]) == 6
        assert found["environmentGroups"] == {"nodes": [{"name": "Everything"}]}

    run(history_url, check)


def test_walking_forward_and_backward_with_the_page_info(history_url: str) -> None:
    async def check(api: Api) -> None:
        info = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
        page = f"{info} edges {{ cursor node {{ name }} }} totalCount"
        first = (await api.data(f"{{ services(first: 4) {{ {page} }} }}"))["services"]
        assert [edge["node"]["name"] for edge in first["edges"]] == [f"Service 0000{n}" for n in range(4)]
        assert first["totalCount"] == 6
        assert first["pageInfo"] == {
            "hasNextPage": True,
            "hasPreviousPage": False,
            "startCursor": first["edges"][0]["cursor"],
            "endCursor": first["edges"][3]["cursor"],
        }
        query = f"query ($cursor: String) {{ services(first: 4, after: $cursor) {{ {page} }} }}"
        second = (await api.data(query, {"cursor": first["pageInfo"]["endCursor"]}))["services"]
        assert [edge["node"]["name"] for edge in second["edges"]] == ["Service 00004", "Service 00005"]
        assert (second["pageInfo"]["hasNextPage"], second["pageInfo"]["hasPreviousPage"]) == (False, True)
        query = f"query ($cursor: String) {{ services(last: 2, before: $cursor) {{ {page} }} }}"
        back = (await api.data(query, {"cursor": second["pageInfo"]["startCursor"]}))["services"]
        assert [edge["node"]["name"] for edge in back["edges"]] == ["Service 00002", "Service 00003"]
        assert (back["pageInfo"]["hasNextPage"], back["pageInfo"]["hasPreviousPage"]) == (True, True)

    run(history_url, check)


def test_a_cursor_of_another_order_is_refused(history_url: str) -> None:
    async def check(api: Api) -> None:
        first = await api.data("{ services(first: 1) { pageInfo { endCursor } } }")
        query = (
            "query ($after: String) { services(first: 1, after: $after, "
            "orderBy: {field: LAST_DEPLOYED_AT, direction: ASC}) { nodes { id } } }"
        )
        assert (await api.ask(query, {"after": first["services"]["pageInfo"]["endCursor"]})).codes == [
            "INVALID_CURSOR"
        ]

    run(history_url, check)


async def _names(api: Api, name: str, arguments: str, attribute: str = "identifier") -> list[Any]:
    found = await api.data(f"{{ {name}(first: 100, {arguments}) {{ nodes {{ {attribute} }} totalCount }} }}")
    assert found[name]["totalCount"] == len(found[name]["nodes"])
    return [node[attribute] for node in found[name]["nodes"]]


def test_services_filtered_and_ordered(history_url: str) -> None:
    async def check(api: Api) -> None:
        every = [f"service{number}" for number in range(6)]
        assert await _names(api, "services", "") == every
        assert await _names(api, "services", 'filter: {search: "ICE 00003"}') == ["service3"]
        assert await _names(api, "services", 'filter: {search: "service4"}') == ["service4"]
        assert await _names(api, "services", 'filter: {search: "%"}') == []
        assert await _names(api, "services", "filter: {deploymentType: KUBERNETES}") == every
        assert await _names(api, "services", "filter: {deploymentType: ECS}") == []
        assert await _names(api, "services", 'filter: {environmentIdentifier: "environment2"}') == every
        assert await _names(api, "services", 'filter: {environmentIdentifier: "none"}') == []
        assert await _names(api, "services", 'filter: {tags: {tier: "1", team: "team4"}}') == ["service4"]
        assert await _names(api, "services", 'filter: {tags: {tier: "1", team: "team3"}}') == []
        assert await _names(api, "services", "filter: {tags: {}}") == every
        down = "orderBy: {field: NAME, direction: DESC}"
        assert await _names(api, "services", down) == every[::-1]
        newest = "orderBy: {field: LAST_DEPLOYED_AT, direction: DESC}"
        assert await _names(api, "services", newest) == [*every[1:], "service0"], "never deployed stands last"
        oldest = "orderBy: {field: LAST_DEPLOYED_AT, direction: ASC}"
        assert await _names(api, "services", oldest) == [*every[:0:-1], "service0"]

    run(history_url, check)


@pytest.mark.parametrize("tags", ['"text"', "[1]", "{tier: 1}", "7"])
def test_tags_must_be_an_object_of_texts(history_url: str, tags: str) -> None:
    async def check(api: Api) -> None:
        answer = await api.ask(f"{{ services(first: 1, filter: {{tags: {tags}}}) {{ nodes {{ id }} }} }}")
        assert answer.codes == ["INVALID_VALUE"]

    run(history_url, check)


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "nu\0l", "\ud800"])
def test_tags_and_texts_that_no_database_could_look_for(history_url: str, name: str) -> None:
    async def check(api: Api) -> None:
        query = "query ($filter: ServiceFilter) { services(first: 1, filter: $filter) { nodes { id } } }"
        assert (await api.ask(query, {"filter": {"tags": {name: "x"}}})).codes == ["INVALID_VALUE"]
        if "\0" in name or "\ud800" in name:
            assert (await api.ask(query, {"filter": {"search": name}})).codes == ["INVALID_VALUE"]

    run(history_url, check)


def test_environments_filtered(history_url: str) -> None:
    async def check(api: Api) -> None:
        assert await _names(api, "environments", "") == ["environment0", "environment1", "environment2"]
        assert await _names(api, "environments", "filter: {type: PRE_PRODUCTION}") == ["environment1"]
        assert await _names(api, "environments", 'filter: {search: "MENT 002"}') == ["environment2"]

    run(history_url, check)


def test_instances_filtered(history_url: str) -> None:
    async def check(api: Api) -> None:
        async def count(given: str) -> int:
            return len(await _names(api, "instances", f"filter: {{{given}}}", "key"))

        assert await count("") == 72
        assert await count('serviceIdentifier: "service1"') == 12
        assert await count('environmentIdentifier: "environment1"') == 24
        assert await count('serviceIdentifier: "service1", environmentIdentifier: "environment1"') == 4
        assert await count('infrastructureIdentifier: "infrastructure2"') == 24
        assert await count('artifact: "WEB:ne"') == 72
        assert await count('artifact: "Service1/WEB:new-0"') == 4
        assert await count('artifact: "service1/web"') == 12
        assert await count('artifact: "new-0"') == 24
        assert await count('artifact: "sha256:new-0"') == 24
        assert await count('artifact: "sha256:new"') == 0
        assert await count('artifact: "%"') == await count('artifact: "service_/"') == 0
        assert await count('serviceIdentifier: "service1", artifact: "new-0", rollbackStatus: NOT_STARTED') == 4
        assert await count("rollbackStatus: NOT_STARTED") == 72
        assert await count("rollbackStatus: UNAVAILABLE") == 0

    run(history_url, check)


def test_executions_filtered_newest_first(history_url: str) -> None:
    async def check(api: Api) -> None:
        numbers = await _names(api, "executions", 'filter: {serviceIdentifier: "service1"}', "sequenceId")
        assert numbers == [5, 4, 3, 2, 1]
        assert len(await _names(api, "executions", 'filter: {pipelineIdentifier: "pipeline2"}', "id")) == 5
        assert len(await _names(api, "executions", "filter: {status: FAILED}", "id")) == 6
        assert len(await _names(api, "executions", "filter: {kind: ROLLBACK}", "id")) == 0
        both = 'filter: {serviceIdentifier: "service1", environmentIdentifier: "environment0", status: SUCCEEDED}'
        assert await _names(api, "executions", both, "sequenceId") == [4, 2, 1]

    run(history_url, check)
