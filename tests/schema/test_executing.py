"""Shortcuts change how fast an answer comes, never the answer: each is compared with the library's own."""

from __future__ import annotations

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from strawberry import Schema
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from benchmarks.sizes import Size
from db.security.access import unrestricted
from pipelines.runtime import Runtime
from schema.building import build
from schema.context import RequestContext
from schema.executing import Executor
from tests.schema import shapes
from tests.schema.api import Api, open_api, run

_QUERIES = (
    """
{ __typename services(first: 3) { __typename nodes { __typename kind: deploymentType id tags name } } }
{ services(first: 2) { totalCount nodes { environments { environment { name __typename } instanceCount
  rollbackStatus lastExecution { status pipeline { name } } } name } pageInfo { endCursor } } }
{ services(first: 2) { edges { cursor node { ...S } } } } fragment S on Service { a: name name instanceCount }
{ instances(first: 4) { nodes { b: artifact { tag } artifact { image } artifact { displayName } } } }
{ instances(first: 4) { nodes { key details { __typename deploymentType ... on KubernetesInstanceDetails
  { namespace } } service { name } execution { id } } } }
{ executions(first: 3) { nodes { id stages { name artifact { tag } steps { outputs } } rollbacks { id } } } }
{ executions(first: 2) { nodes { events(first: 9) { nodes { __typename sequence ... on StageStatusChanged
  { stage { name } status } } } } } }
query ($no: Boolean = false, $yes: Boolean = true) { services(first: 2) { nodes { id @skip(if: $yes)
  name @include(if: $yes) tags @include(if: $no) environments @skip(if: $no) { instanceCount
  environment @include(if: $yes) { name } } } } }
{ services(first: 2) { nodes { ... @include(if: true) { name } ... on Node { id } } } }
{ node(id: "nothing") { id } service(identifier: "service1") { name instances(first: 1) { nodes { key } } } }
{ environments(first: 2) { nodes { groups { name environments { name } } services { service { name } } } } }
{ instances(first: 200) { nodes { key } } pipelines(first: 1) { nodes { yaml } } }
{ __schema { queryType { name fields { name } } } __type(name: "Service") { name } }
mutation { abortExecution(input: {executionId: "none"}) { execution { id } userErrors { code path } } }
""".strip()
    .replace("\n  ", " ")
    .splitlines()
)


def _library(schema: Schema) -> Schema:
    plain = copy.copy(schema)
    plain.execution_context_class = StrawberryGraphQLCoreExecutionContext
    return plain


async def _answer(schema: Schema, query: str, runtime: Runtime | None) -> tuple[str, list[dict[str, Any]]]:
    """The data as text, because the order of fields counts, and the errors but for what is drawn by lot."""
    context = None if runtime is None else RequestContext(runtime, unrestricted("tester"))
    result = await schema.execute(query, context_value=context)
    errors: list[dict[str, Any]] = [{**error.formatted} for error in result.errors or []]
    for error in errors:
        error.get("extensions", {}).pop("id", None)
    return json.dumps(result.data), errors


@pytest.mark.parametrize("query", _QUERIES)
def test_the_answer_is_the_library_s_own(history_url: str, query: str) -> None:
    async def check(api: Api) -> None:
        expected = await _answer(_library(build()), query, api.runtime)
        assert await _answer(build(), query, api.runtime) == expected

    run(history_url, check)


def test_rows_that_lead_nowhere_null_what_the_library_would_null(tmp_path: Path) -> None:
    queries = (
        "{ instances(first: 9) { nodes { key service { name } } } }",
        "{ services(first: 9) { nodes { environments { lastExecution { id pipeline { name } } } } } }",
        '{ node: environment(identifier: "environment0") { services { instanceCount service { name } } } }',
    )

    async def check() -> None:
        size = Size(services=3, environments=2, executions_per_service=2, stages=2, instances_per_target=2)
        async with open_api(f"sqlite:///{tmp_path}/unship.db", size) as api:
            async with api.runtime.database.engine.connect() as connection:
                await connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
                await connection.execute(sa.text("DELETE FROM service WHERE identifier = 'service1'"))
                await connection.execute(sa.text("DELETE FROM pipeline WHERE identifier = 'pipeline2'"))
                await connection.commit()
            for query in queries:
                expected = await _answer(_library(build()), query, api.runtime)
                assert expected[1], query
                assert await _answer(build(), query, api.runtime) == expected

    asyncio.run(check())


@pytest.mark.parametrize("query", shapes.QUERIES)
def test_whatever_a_resolver_gives_the_answer_is_the_library_s_own(query: str) -> None:
    async def check() -> None:
        expected = await _answer(_library(shapes.schema()), query, None)
        assert await _answer(shapes.schema(), query, None) == expected

    asyncio.run(check())


@pytest.mark.parametrize("pauses", range(8))
def test_a_field_that_fails_leaves_nothing_behind_that_nobody_awaits(pauses: int) -> None:
    """Whenever it fails: some fields beside it have then just been begun, and warnings are errors."""

    async def check() -> None:
        data, errors = await _answer(
            shapes.schema(),
            f"{{ fails(after: {pauses}) later {{ a: waiting {{ name }} b: waiting {{ at }} }} }}",
            None,
        )
        assert data == "null"
        assert len(errors) == 1

    asyncio.run(check())


def test_what_needs_no_waiting_takes_no_resolving_field_by_field(history_url: str) -> None:
    """Shortcuts are taken: the library's own way through a field is not, but for those above the list."""
    ways: list[str] = []

    class Counting(Executor):
        def build_resolve_info(self, field_def: Any, field_nodes: Any, parent_type: Any, path: Any) -> Any:
            ways.append(str(path and path.as_list()))
            library: Any = super()
            return library.build_resolve_info(field_def, field_nodes, parent_type, path)

    async def check(api: Api) -> None:
        counted = copy.copy(build())
        counted.execution_context_class = Counting
        query = "{ instances(first: 50) { nodes { key artifact { tag } service { name } rollbackStatus } } }"
        data, errors = await _answer(counted, query, api.runtime)
        assert errors == []
        assert data.count("rollbackStatus") == 50
        # Two ways field by field, and the two resolvers that are called without one.
        assert ways == ["['instances']", "['instances', 'nodes']", "None", "None"]

    run(history_url, check)
