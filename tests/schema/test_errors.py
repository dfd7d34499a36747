"""Top-level errors: coded, defects masked under an id that the log carries, a dead database told as such."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from graphql import get_introspection_query

from db.database import Database
from db.security.access import unrestricted
from schema.building import build
from schema.context import RequestContext
from tests.schema.api import Api, open_api, run

_FRAGMENT_FIRST = """fragment Some on Query { rollbackPlan(target: {executionId: $id}) { hash } }
  query ($id: ID! = "a") { ...Some }"""
_DEEP = "{ services(first: 1) { nodes { environments { service { name } } } } }"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ services(first: 1) {", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ services(first: true) { nodes { id } } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($n: Int!) { services(first: $n) { nodes { id } } }", "GRAPHQL_VALIDATION_FAILED"),
        ('{ rollbackPlan(target: {executionId: "a", instanceId: "b"}) { hash } }', "GRAPHQL_VALIDATION_FAILED"),
        ("{ rollbackPlan(target: {executionId: $none}) { hash } }", "GRAPHQL_VALIDATION_FAILED"),
        (_FRAGMENT_FIRST, "INVALID_ID"),
        ("{ " + "viewer { subject } " * 500 + "}", "TOO_MANY_TOKENS"),
    ],
)
def test_request_errors_have_codes(history_url: str, query: str, code: str) -> None:
    async def check(api: Api) -> None:
        for _ in range(2):  # the second time from the caches
            answer = await api.ask(query)
            assert answer.data is None
            assert set(answer.codes) == {code}

    run(history_url, check)


@pytest.mark.parametrize("target", [{"executionId": "a", "instanceId": "b"}, {}, {"executionId": None}])
def test_one_of_holds_for_variables_too(history_url: str, target: dict[str, str | None]) -> None:
    async def check(api: Api) -> None:
        query = "query ($target: RollbackTargetInput!) { rollbackEligibility(target: $target) { verdict } }"
        answer = await api.ask(query, {"target": target})
        assert answer.data is None
        assert answer.codes in (["GRAPHQL_VALIDATION_FAILED"], ["BAD_USER_INPUT"])

    run(history_url, check)


def test_a_defect_is_masked_and_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        async with open_api(f"sqlite:///{tmp_path}/unship.db") as api:
            async with api.runtime.database.write() as session:
                await session.execute(sa.text("UPDATE service SET deployment_type = 'SECRET_VALUE'"))
            with caplog.at_level(logging.ERROR):
                answer = await api.ask(_DEEP)
            assert answer.codes == ["UNEXPECTED"]
            assert "SECRET_VALUE" not in str(answer.errors)
            assert answer.errors[0]["message"] == "Unexpected error."
            assert answer.errors[0]["extensions"]["id"] in caplog.text
            assert "SECRET_VALUE" in caplog.text

    asyncio.run(check())


def test_fields_that_fail_together_share_one_log_line(history_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def check(api: Api) -> None:
        query = "{ executions(first: 5) { nodes { rollbackEligibility { verdict } } } }"
        broken = replace(api.runtime, rules=None)  # pyright: ignore[reportArgumentType] - a defect on purpose
        with caplog.at_level(logging.ERROR):
            result = await build().execute(query, {}, RequestContext(broken, unrestricted("tester")))
        assert result.errors
        ids = {(error.extensions or {})["id"] for error in result.errors}
        assert len(ids) == 1
        assert caplog.text.count("unexpected error") == 1

    run(history_url, check)


def test_a_dead_database_is_unavailable(tmp_path: Path) -> None:
    async def check() -> None:
        async with open_api(f"sqlite:///{tmp_path}/unship.db") as api:
            gone = Database(f"sqlite:///{tmp_path}/missing/unship.db")
            runtime = replace(api.runtime, database=gone)
            for query in ("{ services(first: 1) { nodes { id } } }", '{ service(identifier: "x") { id } }'):
                result = await build().execute(query, {}, RequestContext(runtime, unrestricted("tester")))
                assert [(error.extensions or {})["code"] for error in result.errors or []] == ["UNAVAILABLE"]
            await gone.close()

    asyncio.run(check())


def test_the_schema_can_be_read_by_tools(history_url: str) -> None:
    async def check(api: Api) -> None:
        found = await api.data(get_introspection_query(input_value_deprecation=True))
        assert found["__schema"]["queryType"]["name"] == "Query"

    run(history_url, check)
