"""A schema that is not shown: its errors name nothing that the caller has not named."""

from __future__ import annotations

import re
from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType

from db.security.access import unrestricted
from schema.building import build
from schema.context import RequestContext
from schema.limits import Policy
from tests.schema.api import Api, run

EXECUTIONS = "query ($f: ExecutionFilter) { executions(first: 1, filter: $f) { nodes { id } } }"
ROLLBACK = "mutation ($i: RollbackDeploymentInput!) { rollbackDeployment(input: $i) { execution { id } } }"
RUN = "mutation ($i: RunPipelineInput!) { runPipeline(input: $i) { execution { id } } }"
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("{ __schema { queryType { name } } }", {}),
    ("{ nothing }", {}),
    ("{ viewer }", {}),
    ("{ viewer { subject { a } } }", {}),
    ("{ viewer { nothing } }", {}),
    ("{ service { id } }", {}),
    ("{ node { id } }", {}),
    ("{ executions }", {}),
    ("{ executions(frst: 1) { nodes { id } } }", {}),
    ('{ executions(first: "1") { nodes { id } } }', {}),
    ("{ executions(first: 1) { nodes { status(a: 1) nothing rollbackEligibility } } }", {}),
    ("{ executions(first: 1, filter: {knd: 1}) { nodes { id } } }", {}),
    ("{ executions(first: 1, filter: {kind: DEPLOY}) { nodes { id } } }", {}),
    ('{ executions(first: 1, filter: {kind: "DEPLOY"}) { nodes { id } } }', {}),
    ("{ executions(first: 1, filter: [1]) { nodes { id } } }", {}),
    ('{ node(id: "a") { ... on Exec { id } } }', {}),
    ('{ node(id: "a") { ... on Viewer { subject } } }', {}),
    ("query ($a: Int) { executions(first: 1, filter: $a) { nodes { id } } }", {}),
    ("{ rollbackPlan(target: {}) { hash } }", {}),
    ("mutation { rollbackDeployment }", {}),
    ("mutation { rollbackDeployment(input: {}) { execution { id } } }", {}),
    ("subscription { executionProgress { cursor } }", {}),
    ('subscription { executionProgress(executionId: "a") }', {}),
    (EXECUTIONS, {"f": {"knd": 1}}),
    (EXECUTIONS, {"f": {"kind": "DEPLOY"}}),
    (EXECUTIONS, {"f": {"kind": "it's"}}),
    (EXECUTIONS, {"f": [1]}),
    (ROLLBACK, {}),
    (ROLLBACK, {"i": {}}),
    (ROLLBACK, {"i": {"target": {}}}),
    (RUN, {"i": {"pipelineIdentifie": "a"}}),
    (RUN, {"i": {"pipelineIdentifier": 1}}),
]


def names(core: Any) -> set[str]:
    """The schema's names, but for those that are words of English as well."""
    found = set(core.type_map)
    for kind in core.type_map.values():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            found |= {*kind.fields, *(name for one in kind.fields.values() for name in one.args)}
        elif isinstance(kind, GraphQLInputObjectType):
            found |= set(kind.fields)
        elif isinstance(kind, GraphQLEnumType):
            found |= set(kind.values)
    return {name for name in found if not name.islower()} - {"ID", "Int"}


@pytest.mark.parametrize(("query", "variables"), CALLS)
def test_an_error_names_nothing_that_its_caller_has_not(
    history_url: str, query: str, variables: dict[str, Any]
) -> None:
    schema = build(Policy(open=False))
    secret = names(schema.documents.schema)
    assert len(secret) > 300

    async def check(api: Api) -> None:
        context = RequestContext(api.runtime, unrestricted("tester"))
        results: Any = await schema.stream(query, variables, context)
        errors = [error async for result in results for error in result.errors]
        assert errors
        told = set(re.findall(r"\w+", " ".join(error.message for error in errors)))
        assert told & secret <= set(re.findall(r"\w+", f"{query} {variables}"))
        assert "Did you mean" not in str(errors)

    run(history_url, check)


def test_what_the_caller_has_named_is_named(history_url: str) -> None:
    async def check(api: Api) -> None:
        context = RequestContext(api.runtime, unrestricted("tester"))
        result: Any = await build(Policy(open=False)).execute("{ viewer { nothing } }", None, context)
        (error,) = result.errors
        assert (error.message, error.locations[0].column) == ("Cannot query field 'nothing' on type '?'.", 12)
        assert (await api.ask("{ viewer { nothing } }")).errors[0]["message"].endswith("on type 'Viewer'.")

    run(history_url, check)
