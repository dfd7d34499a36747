"""Documents of an abusive shape are refused before anything runs, by a code, and quickly."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from graphql import Lexer, Source, TokenKind, get_introspection_query

import demo.operations
from benchmarks.guard import HOSTILE
from benchmarks.lists import QUERIES
from db.security.access import unrestricted
from schema.building import build
from schema.context import RequestContext
from schema.documents import Documents
from schema.limits import Limits, Policy
from schema.measuring import within
from tests.schema.api import Api, run


def _nested(depth: int) -> str:
    """A query whose deepest field is that deep."""
    return (
        "{ services(first: 1) { nodes "
        + "{ environments { service " * (depth // 2)
        + "{ id }"
        + " } }" * (depth // 2)
        + " } }"
    )


def _viewers(count: int) -> str:
    return " ".join(f"a{n}: viewer {{ subject }}" for n in range(count))


_ABORT = 'abortExecution(input: {executionId: "none"}) { userErrors { code } }'
_AGAIN = "fragment a on Query { ...b } fragment b on Query { viewer { subject } }"
_EMPTY_FAN = (
    f"fragment a on Query {{ {'...b ' * 20} }} fragment b on Query {{ {'...c ' * 20} }} fragment c on Query {{}}"
)
_SERVICES = "id name identifier description tags deploymentType instanceCount"

REFUSED = [
    (_nested(10), "TOO_DEEP"),
    ("{ " + _viewers(16) + " }", "TOO_MANY_ALIASES"),
    ("{ ...a ...a } fragment a on Query { " + _viewers(8) + " }", "TOO_MANY_ALIASES"),
    (
        "{ ...a ...a ...a } fragment a on Query { " + " ".join(["viewer { subject }"] * 70) + " }",
        "TOO_MANY_FIELDS",
    ),
    ("{ viewer { " + " ".join(["subject"] * 400) + " } }", "TOO_MANY_FIELDS"),
    ("{ ...a ...a } " + _EMPTY_FAN, "TOO_MANY_FIELDS"),
    ("{ viewer { " + " ".join(["subject"] * 46) + " } }", "TOO_MANY_REPEATS"),
    ("{ " + "...a ...b " * 20 + "} " + _AGAIN, "TOO_MANY_REPEATS"),
    ("{ __typename } fragment a on Query { " + "viewer { subject } " * 40 + "}", "TOO_MANY_REPEATS"),
    ("{ viewer { " + " ".join(["subject @include(if: true)"] * 21) + " } }", "TOO_MANY_DIRECTIVES"),
    ("query " + "@a " * 21 + "{ __typename }", "TOO_MANY_DIRECTIVES"),
    (
        "{ __typename }" + "".join(f" fragment f{n} on Query {{ __typename }}" for n in range(21)),
        "TOO_MANY_FRAGMENTS",
    ),
    (" ".join(f"query a{n} {{ __typename }}" for n in range(11)), "TOO_MANY_OPERATIONS"),
    (f"mutation {{ {_ABORT} b: {_ABORT} }}", "TOO_MANY_MUTATIONS"),
    (f"mutation {{ ...a ... {{ b: {_ABORT} }} }} fragment a on Mutation {{ {_ABORT} }}", "TOO_MANY_MUTATIONS"),
    ("{ services(first: 100) { nodes { instances(first: 101) { nodes { id } } } } }", "TOO_MANY_NODES"),
    ("{ pipelines { nodes { executions(first: 100) { nodes { stages { id } } } } } }", "TOO_MANY_NODES"),
    ("{ services(first: 100) { nodes { instances(first: 1000000) { nodes { id } } } } }", "TOO_MANY_NODES"),
    ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", "GRAPHQL_VALIDATION_FAILED"),
    ("{ ...a } fragment a on Query { " + "viewer { subject } " * 40 + "} " + _AGAIN, "GRAPHQL_VALIDATION_FAILED"),
    ("{ " + "{ a " * 240 + "}" * 240, "GRAPHQL_PARSE_FAILED"),
    ("{ a(x: " + "[" * 450 + "]" * 450 + ") }", "GRAPHQL_PARSE_FAILED"),
    ("{ " + "a " * 1000 + "}", "TOO_MANY_TOKENS"),
    ("# a comment\n" * 1001 + "{ __typename }", "TOO_MANY_TOKENS"),
    ("{ __typename }" + " " * 256 * 1024, "QUERY_TOO_LARGE"),
]


@pytest.mark.parametrize(("query", "code"), REFUSED)
def test_abusive_documents_are_refused(history_url: str, query: str, code: str) -> None:
    async def check(api: Api) -> None:
        answer = await api.ask(query)
        assert answer.data is None
        assert set(answer.codes) == {code}
        assert api.statements == []

    run(history_url, check)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_takes_no_time(name: str) -> None:
    """A generous bound, since others use the machine too; benchmarks.guard has the figures."""
    documents = Documents(build().documents.schema, Policy())
    began = time.process_time()
    document = documents.read_now(HOSTILE[name])
    assert time.process_time() - began < 1
    assert document.errors
    assert all("code" in (error.extensions or {}) for error in document.errors)


@pytest.mark.parametrize(
    ("variables", "used"),
    [({"n": 10, "m": 20}, 200), ({"n": 10}, 1000), ({"n": 100, "m": 100}, 10_000), ({"n": 0, "m": 5}, 0)],
)
def test_the_answer_tells_what_was_used(history_url: str, variables: dict[str, int], used: int) -> None:
    query = """query ($n: Int = 100, $m: Int = 100) {
      services(first: $n) { nodes { name instances(first: $m) { nodes { ...a } } } }
    } fragment a on Instance { b: id key }"""

    async def check(api: Api) -> None:
        result = await build().execute(query, dict(variables), RequestContext(api.runtime, unrestricted("tester")))
        assert result.extensions == {
            "cost": {
                "depth": {"used": 5, "limit": 10},
                "fields": {"used": 7, "limit": 400},
                "aliases": {"used": 1, "limit": 15},
                "directives": {"used": 0, "limit": 20},
                "nodes": {"used": used, "limit": 10_000},
            }
        }

    run(history_url, check)


def test_a_variable_over_the_budget_is_refused(history_url: str) -> None:
    query = "query ($n: Int) { services(first: $n) { nodes { instances(first: $n) { nodes { id } } } } }"

    async def check(api: Api) -> None:
        assert (await api.ask(query, {"n": 101})).codes == ["TOO_MANY_NODES"]
        assert api.statements == []
        assert (await api.ask(query, {"n": 100})).codes == []

    run(history_url, check)


_DASHBOARD = (
    f"{{ services(first: 100) {{ nodes {{ {_SERVICES} environments {{ environment {{ name }} rollbackStatus"
    " artifacts { artifact { displayName } instanceCount } lastExecution { id stages { status } } } } } }"
)
_HISTORY = (
    "{ executions(first: 100) { nodes { stages { name steps { name status } } rollbacks { id }"
    " rollbackEligibility { verdict reasons { code message } } } } }"
)
USUAL: list[str] = [
    *(f"{{ {query} }}" for query in QUERIES.values()),
    *(text for name, text in vars(demo.operations).items() if name.isupper()),
    get_introspection_query(
        descriptions=True,
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    ),
    _nested(6),
    "{ " + _viewers(15) + " }",
    _DASHBOARD,
    _HISTORY,
    "{ services(first: 100) { nodes { instances(first: 100) { nodes { id } } } } }",
    "query a { __typename } query b { __typename }",
    f"mutation {{ __typename {_ABORT} }}",
]


@pytest.mark.parametrize("query", USUAL)
def test_what_frontends_and_tools_ask_is_within_the_limits(query: str) -> None:
    documents = build().documents
    document = documents.read_now(query)
    assert document.errors == ()
    for operation in document.operations:
        assert documents.refused(documents.cost(document, operation.name, {}), {}) is None


@pytest.mark.parametrize("query", ["{ services(first: 1) { nodes { name } } }", "{ viewer { subject } }"])
def test_a_query_out_of_time_is_cut(history_url: str, query: str) -> None:
    async def check(api: Api) -> None:
        schema = build(Policy(Limits(execution_seconds=1e-9)))
        result = await schema.execute(query, {}, RequestContext(api.runtime, unrestricted("tester")))
        codes = [(error.extensions or {})["code"] for error in result.errors or []]
        # What needs no waiting is never cut.
        assert codes == (["EXECUTION_TIMEOUT"] if "services" in query else [])

    run(history_url, check)


def test_the_time_limit_is_for_starting_a_subscription_not_for_its_events(history_url: str) -> None:
    async def check(api: Api) -> None:
        schema = build(Policy(Limits(execution_seconds=0.05)))
        context = RequestContext(api.runtime, unrestricted("tester"))
        results: Any = await schema.subscribe("subscription { executionsChanged { id } }", {}, context)
        waiting = asyncio.ensure_future(anext(results))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await results.aclose()

    run(history_url, check)


def test_a_schema_that_is_closed_tells_nothing_of_itself(history_url: str) -> None:
    schema = build(Policy(open=False))
    queries: list[tuple[str, dict[str, Any]]] = [
        ("{ __schema { types { name } } }", {}),
        ('{ __type(name: "Service") { name } }', {}),
        ("{ servces(first: 1) { nodes { id } } }", {}),
        ("{ services(frst: 1) { nodes { id } } }", {}),
        ("{ services(first: 1, filter: {serch: 1}) { nodes { id } } }", {}),
        ("{ executions(first: 1, filter: {kind: DEPLOYMNT}) { nodes { id } } }", {}),
        ("query ($f: ServiceFilter) { services(first: 1, filter: $f) { nodes { id } } }", {"f": {"serch": 1}}),
        (
            "query ($f: ExecutionFilter) { executions(first: 1, filter: $f) { nodes { id } } }",
            {"f": {"kind": "DEPLOYMNT"}},
        ),
        (
            "subscription ($f: ExecutionFilter) { executionsChanged(filter: $f) { id } }",
            {"f": {"kind": "DEPLOYMNT"}},
        ),
        ("subscription { executionsChangd { id } }", {}),
    ]

    async def check(api: Api) -> None:
        for query, variables in queries:
            results: Any = await schema.stream(
                query, variables, RequestContext(api.runtime, unrestricted("tester"))
            )
            async for result in results:
                assert result.errors, query
                assert "Did you mean" not in str(result.errors), query
                assert not result.data, query
        allowed = await schema.execute("{ __typename }", {}, RequestContext(api.runtime, unrestricted("tester")))
        assert allowed.data == {"__typename": "Query"}
        guessed = await api.ask("{ servces(first: 1) { nodes { id } } }")
        assert "Did you mean" in str(guessed.errors)

    run(history_url, check)


@pytest.mark.parametrize("query", USUAL)
def test_no_more_tokens_are_counted_than_the_parser_counts(query: str) -> None:
    lexer, tokens = Lexer(Source(query)), 0
    while lexer.advance().kind is not TokenKind.EOF:
        tokens += 1
    assert within(query, tokens)
    assert not within(query, tokens // 2)


def test_variables_are_counted(history_url: str) -> None:
    query = "query ($tags: JSON) { services(first: 1, filter: {tags: $tags}) { nodes { id } } }"

    async def check(api: Api) -> None:
        assert (await api.ask(query, {"tags": [[1] * 1000, {"a": [2] * 1000}]})).codes == ["TOO_MANY_VALUES"]
        assert (await api.ask(query, {"tags": [[1] * 1000, {"a": [2] * 990}]})).codes == ["INVALID_VALUE"]

    run(history_url, check)
