"""The number of SQL statements follows a query's shape, never its number of rows."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.sizes import Size
from tests.schema.api import Api, open_api, run

_EXECUTION = "id status statusReason pipeline { name } stages { name steps { name outputs } environment { name } }"
_INSTANCE = (
    "key rollbackStatus service { name } environment { name } infrastructure { name environment { name } } "
    "details { deploymentType } execution { id }"
)

# Each query with the number of statements it may take, whatever it finds.
QUERIES: dict[str, tuple[str, int]] = {
    "dashboard": (
        (
            "services(first: %d) { nodes { name instanceCount environments { environment { name groups { name } } "
            "instanceCount artifacts { instanceCount artifact { displayName } } lastDeployedAt "
            "lastExecution { id status } rollbackStatus infrastructures { name } } } totalCount }"
        ),
        12,
    ),
    "instances per place": (
        (
            "services(first: %d) { nodes { environments { instances(first: 2) { nodes { key } totalCount "
            "pageInfo { hasNextPage hasPreviousPage } } } } }"
        ),
        4,
    ),
    "instances": (f"instances(first: %d) {{ nodes {{ {_INSTANCE} }} pageInfo {{ hasNextPage }} }}", 8),
    "instances per service": (
        f"services(first: %d) {{ nodes {{ instances(first: 3) {{ nodes {{ {_INSTANCE} }} totalCount }} }} }}",
        10,
    ),
    "executions": (
        f"executions(first: %d) {{ nodes {{ {_EXECUTION} yaml rollbacks {{ id statusReason }} }} }}",
        10,
    ),
    "events": (
        (
            "executions(first: %d) { nodes { events(first: 10) { nodes { sequence "
            "... on StepStatusChanged { stage { name } step { name } } } pageInfo { hasNextPage } } } }"
        ),
        4,
    ),
    "verdicts on executions": ("executions(first: %d) { nodes { rollbackEligibility { verdict } } }", 8),
    "verdicts on instances": ("instances(first: %d) { nodes { rollbackEligibility { verdict } } }", 9),
    "verdicts on places": (
        "services(first: %d) { nodes { environments { rollbackEligibility { verdict } } } }",
        11,
    ),
    "pipelines": ("pipelines(first: %d) { nodes { yaml executions(first: 2) { nodes { id } } } }", 3),
    "environments": (
        (
            "environments(first: %d) { nodes { groups { environments { name } } infrastructures { name } "
            "services { service { name } } instances(first: 2) { nodes { key } } } }"
        ),
        7,
    ),
}


@pytest.mark.parametrize("name", QUERIES)
def test_one_row_and_fifty_take_equally_many_statements(big_url: str, name: str) -> None:
    query, most = QUERIES[name]

    async def check(api: Api) -> None:
        counts: list[int] = []
        for rows in (1, 50):
            assert await api.data(f"{{ {query % rows} }}")
            counts.append(len([one for one in api.statements if "PRAGMA" not in one]))
        assert counts[0] == counts[1] <= most, counts

    run(big_url, check)


def test_big_columns_and_totals_are_read_only_when_selected(big_url: str) -> None:
    async def check(api: Api) -> None:
        await api.data("{ executions(first: 5) { nodes { id stages { id steps { id } } } } }")
        lean = " ".join(api.statements)
        assert "count(" not in lean
        for column in ("yaml", "plan", "recorded", "snapshot", "resolved", "outputs", "message"):
            assert f".{column}" not in lean
        await api.data("{ executions(first: 5) { nodes { yaml } totalCount } }")
        assert ".yaml" in " ".join(api.statements)
        assert "count(" in " ".join(api.statements)

    run(big_url, check)


def test_the_executions_and_stages_that_reasons_name_are_loaded_together(big_url: str) -> None:
    """Every reason but that of the newest executions names the newer deployment."""

    async def check(api: Api) -> None:
        counts: list[int] = []
        for rows in (10, 100):
            found = await api.data(
                f"{{ executions(last: {rows}) {{ nodes {{ rollbackEligibility {{ reasons "
                "{ code stage { name } execution { id sequenceId } } } } } }"
            )
            verdicts = [node["rollbackEligibility"]["reasons"] for node in found["executions"]["nodes"]]
            named = [one["execution"]["id"] for reasons in verdicts for one in reasons if one["execution"]]
            assert len(named) > rows
            counts.append(len([one for one in api.statements if "PRAGMA" not in one]))
        assert counts[0] == counts[1] <= 10, counts

    run(big_url, check)


@pytest.fixture(scope="module")
def big_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A history with more than fifty of everything but environments."""
    url = f"sqlite:///{tmp_path_factory.mktemp('big')}/unship.db"
    size = Size(services=60, environments=3, executions_per_service=3, stages=2, instances_per_target=3)
    asyncio.run(_fill(url, size))
    return url


async def _fill(url: str, size: Size) -> None:
    async with open_api(url, size):
        pass
