"""Every field, for every kind of caller, over every transport: nothing foreign is shown, however it is asked for.

The queries are made from the schema, so a new field is asked for without anybody remembering to. One that loads
what no rule is about fails for those who see only a part, and this test with it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType

from sandbox.kubernetes import KubernetesWorld
from schema.ids import global_id
from tests.security.books import read_log
from tests.security.callers import JSON, SSE, TRANSPORTS, Answer
from tests.security.crawl import node_types, object_type, schema, selections
from tests.security.premises import CALLERS, ZETA, Premises, premises_in

SEES_ALL = [name for name, (role, _) in CALLERS.items() if role != "none"]
SEES_MINE = ["guest", "helper"]
SEES_NOTHING = ["nobody", "late"]
READS_AUDIT_LOG = ["auditor", "admin"]
# What only mutations and subscriptions answer with, the envelopes of the schema, and other platforms' instances.
ELSEWHERE = (
    "Payload",
    "UserError",
    "Mutation",
    "Subscription",
    "ExecutionProgress",
    "RollbackPlan",
    "RollbackChange",
)
# Fields of Query that name what they want: each has a test below.
NAMING = {
    "service": '(identifier: "{}")',
    "environment": '(identifier: "{}")',
    "pipeline": '(identifier: "{}")',
    "instance": '(id: "{}")',
    "execution": '(id: "{}")',
    "node": '(id: "{}")',
    "rollbackEligibility": None,
    "rollbackPlan": None,
}


@pytest.fixture(scope="module")
def premises(
    world: KubernetesWorld, connectors: Path, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Premises]:
    with premises_in(tmp_path_factory.mktemp("premises"), world, connectors) as made:
        yield made


@pytest.fixture(scope="module")
def nodes(premises: Premises) -> dict[str, dict[str, bool]]:
    """The id of every node there is, by type, with whether it is one that guests may see."""
    return {kind: {one: seen for one, seen in found(premises, kind)} for kind in node_types()}  # noqa: C416


# Characters of a selection, far within what a document may ask for.
_LONGEST = 800
TABLES = {
    "Service": ("service", "identifier = 'shop'"),
    "Environment": ("environment", "identifier = 'mine'"),
    "EnvironmentGroup": ("environmentgroup", "identifier = 'all'"),
    "Infrastructure": ("infrastructure", "identifier = 'mine-place'"),
    "Pipeline": ("pipeline", "identifier = 'own'"),
    "FreezeWindow": ("freezewindow", "identifier = 'everywhere'"),
    "Instance": ("instance", "environment_id IN (SELECT id FROM environment WHERE identifier = 'mine')"),
    "Execution": ("execution", "pipeline_id IN (SELECT id FROM pipeline WHERE identifier = 'own')"),
    "Stage": ("stage", "execution_id IN (SELECT id FROM execution WHERE {})"),
    "RollbackApproval": ("rollbackapproval", "execution_id IN (SELECT id FROM execution WHERE {})"),
    "Step": ("step", "stage_id IN (SELECT id FROM stage WHERE {})"),
}


def found(premises: Premises, kind: str) -> list[tuple[str, bool]]:
    """Straight from the tables, so that no rule of ours decides what the test takes for foreign."""
    own = TABLES["Execution"][1]
    conditions = {name: TABLES[name][1].format(own) for name in ("Stage", "RollbackApproval")}
    conditions["Step"] = TABLES["Step"][1].format(conditions["Stage"])
    table, condition = TABLES[kind]
    with sqlite3.connect(premises.database_url.removeprefix("sqlite:///")) as database:
        rows = database.execute(f"SELECT id, {conditions.get(kind, condition)} FROM {table}").fetchall()
    assert {bool(seen) for _, seen in rows} == {True, False}, f"{kind}: some are foreign and some are not"
    return [(str(global_id(kind, key)), bool(seen)) for key, seen in rows]


@cache
def every_selection() -> list[tuple[str, frozenset[tuple[str, str]], str]]:
    """Selections of all fields there are; small ones of a type are asked for together."""
    made: list[tuple[str, frozenset[tuple[str, str]], str]] = []
    for kind in [*node_types(), "Query"]:
        for asked, text in selections(object_type(kind)):
            if made and made[-1][0] == kind and len(made[-1][2] + text) < _LONGEST:
                _, before, shorter = made.pop()
                made.append((kind, before | asked, f"{shorter} {text}"))
            else:
                made.append((kind, frozenset(asked), text))
    return made


def queries(nodes: dict[str, dict[str, bool]]) -> list[str]:
    """Every field of the lists, and of two nodes of each type, one of ours and one of the others."""
    made: list[str] = []
    for kind, _, text in every_selection():
        if kind == "Query":
            made.append(f"{{ {text} }}")
        else:
            own, other = ([one for one, seen in nodes[kind].items() if seen is mine][-1] for mine in (True, False))
            made.append(
                f'{{ own: node(id: "{own}") {{ ...asked }} other: node(id: "{other}") {{ ...asked }} }} '
                f"fragment asked on {kind} {{ {text} }}"
            )
    return made


def test_every_field_is_asked_for() -> None:
    asked = {pair for _, pairs, _ in every_selection() for pair in pairs}
    every = {
        (kind.name, field)
        for kind in schema().type_map.values()
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__")
        for field in kind.fields
        if not any(part in kind.name for part in ELSEWHERE)
    }
    assert every - asked == {("Query", name) for name in NAMING}


def proper(caller: str, query: str, answer: Answer) -> bool:
    """Whether there are no errors, or the one that is due: the audit log is for some, and null for the others."""
    if "auditLog" not in query or caller in READS_AUDIT_LOG:
        return answer.codes == []
    return answer.codes == ["PERMISSION_DENIED"] and answer.body["data"]["auditLog"] is None


def foreign_in(answer: Answer, nodes: dict[str, dict[str, bool]]) -> list[str]:
    text = json.dumps(answer.body)
    ids = [one for several in nodes.values() for one, seen in several.items() if not seen and one in text]
    return ids + ([text] if ZETA in text.lower() else [])


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("caller", SEES_MINE)
def test_who_sees_one_environment_sees_nothing_of_the_other(
    premises: Premises, nodes: dict[str, dict[str, bool]], caller: str, transport: str
) -> None:
    with premises.of(caller).line(transport) as ask:
        for query in queries(nodes):
            answer = ask(query)
            assert proper(caller, query, answer), (query, answer.body)
            assert foreign_in(answer, nodes) == [], query


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("caller", SEES_NOTHING)
def test_who_has_nothing_sees_nothing(
    premises: Premises, nodes: dict[str, dict[str, bool]], caller: str, transport: str
) -> None:
    every = [one for several in nodes.values() for one in several]
    with premises.of(caller).line(transport) as ask:
        for query in queries(nodes):
            answer = ask(query)
            assert proper(caller, query, answer), (query, answer.body)
            text = json.dumps(answer.body)
            assert not any(one in text for one in every), query
            assert not any(word in text.lower() for word in (ZETA, "mine", "shop", "perl")), query


@pytest.mark.parametrize("caller", SEES_ALL)
def test_who_has_a_role_sees_everything(
    premises: Premises, nodes: dict[str, dict[str, bool]], caller: str
) -> None:
    """So the tests above can fail: the same queries show the others to these."""
    client, shown = premises.of(caller), ""
    for query in queries(nodes):
        answer = client.ask(query)
        assert proper(caller, query, answer), (query, answer.body)
        shown += json.dumps(answer.body)
    assert ZETA in shown
    for kind in node_types():
        assert all(client.ask(f'{{ node(id: "{one}") {{ id }} }}').data["node"] for one in nodes[kind]), kind


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_is_foreign_looks_like_what_is_not_there(
    premises: Premises, nodes: dict[str, dict[str, bool]], transport: str
) -> None:
    client = premises.of("guest")
    named = {"service": "zeta-hidden", "environment": ZETA, "pipeline": "zeta-both"}
    for name, arguments in NAMING.items():
        if arguments is None:
            continue
        kind = {"instance": "Instance", "execution": "Execution"}.get(name)
        several = [nodes[kind]] if kind else list(nodes.values())
        own = next(one for one, seen in nodes[kind or "Execution"].items() if seen)
        foreign = [one for some in several for one, seen in some.items() if not seen]
        wanted = [named[name]] if name in named else foreign
        mine = {"service": "shop", "environment": "mine", "pipeline": "own"}.get(name, own)
        assert client.ask(f"{{ {name}{arguments.format(mine)} {{ id }} }}", transport).data[name], name
        for one in wanted:
            answer = client.ask(f"{{ {name}{arguments.format(one)} {{ id }} }}", transport)
            assert answer.body["data"] == {name: None}, (name, one)
            assert "errors" not in answer.body, (name, one)


@pytest.mark.parametrize("caller", READS_AUDIT_LOG)
def test_the_audit_log_says_what_everybody_did(premises: Premises, caller: str) -> None:
    query = """query ($filter: AuditFilter) { auditLog(first: 100, filter: $filter) { totalCount
      nodes { sequence actor action source outcome objects { type name } environments { identifier }
        execution { id status } } } }"""
    log = premises.of(caller).ask(query).data["auditLog"]
    kept = read_log(premises.database_url)
    assert [entry["sequence"] for entry in log["nodes"]] == [entry.sequence for entry in reversed(kept)][:100]
    assert log["totalCount"] == len(kept)
    wanted = {"actor": "all", "action": "runPipeline", "object": "Pipeline:zeta-both"}
    newest, _ = premises.of(caller).ask(query, filter=wanted).data["auditLog"]["nodes"]
    assert newest.pop("sequence")
    assert newest == {
        "actor": "all",
        "action": "runPipeline",
        "source": "127.0.0.1",
        "outcome": "ACCEPTED",
        "objects": [{"type": "Pipeline", "name": "zeta-both"}],
        "environments": [{"identifier": "mine"}, {"identifier": ZETA}],
        "execution": {"id": premises.executions["zeta-both"], "status": "SUCCEEDED"},
    }


def targets(nodes: dict[str, dict[str, bool]], missing: bool) -> list[dict[str, Any]]:
    """What may be undone, of the others; or, in the same forms, what nobody has ever heard of."""

    def one(kind: str) -> str:
        if missing:
            return str(global_id(kind, "0" * 32))
        return next(identifier for identifier, seen in nodes[kind].items() if not seen)

    return [{"executionId": one("Execution")}, {"stageIds": [one("Stage")]}, {"instanceId": one("Instance")}]


@pytest.mark.parametrize("field", ["rollbackEligibility", "rollbackPlan"])
def test_verdicts_and_plans_of_others_are_as_of_what_is_not_there(
    premises: Premises, nodes: dict[str, dict[str, bool]], field: str
) -> None:
    inside = "verdict" if field == "rollbackEligibility" else "hash"
    query = f"query ($target: RollbackTargetInput!) {{ {field}(target: $target) {{ {inside} }} }}"
    for caller in (*SEES_MINE, *SEES_NOTHING):
        for transport in TRANSPORTS:
            for foreign, missing in zip(targets(nodes, False), targets(nodes, True), strict=True):
                answers = [premises.of(caller).ask(query, transport, target=one) for one in (foreign, missing)]
                assert answers[0].codes == ["NOT_FOUND"]
                assert answers[0].body == answers[1].body
    own = {"executionId": premises.executions["own"]}
    for caller in SEES_MINE:
        assert premises.of(caller).ask(query, target=own).data[field][inside]


def test_counts_and_pages_hold_only_what_is_seen(premises: Premises) -> None:
    query = """{
      services(first: 1) { totalCount pageInfo { hasNextPage } nodes { identifier instanceCount } }
      environments(first: 1) { totalCount pageInfo { hasNextPage endCursor } }
      environmentGroups { totalCount nodes { environments { identifier } } }
      pipelines { totalCount nodes { identifier yaml executions(first: 9) { totalCount } } }
      instances(first: 1) { totalCount } executions(first: 9) { totalCount nodes { id } } }"""
    shown = premises.of("guest").ask(query).data
    assert shown["services"] == {
        "totalCount": 1,
        "pageInfo": {"hasNextPage": False},
        "nodes": [{"identifier": "shop", "instanceCount": 3}],
    }
    assert shown["environments"]["totalCount"] == 1
    assert not shown["environments"]["pageInfo"]["hasNextPage"]
    assert shown["environmentGroups"] == {
        "totalCount": 1,
        "nodes": [{"environments": [{"identifier": "mine"}]}],
    }
    assert shown["pipelines"]["totalCount"] == 1
    assert shown["pipelines"]["nodes"][0]["identifier"] == "own"
    assert "rollout" in shown["pipelines"]["nodes"][0]["yaml"]
    assert shown["executions"]["totalCount"] == 2
    assert shown["instances"]["totalCount"] == 3
    everything = premises.of("viewer").ask(query).data
    assert everything["executions"]["totalCount"] == 6
    assert everything["services"]["totalCount"] == 2


def test_a_filter_tells_nothing_of_other_environments(premises: Premises) -> None:
    query = """query ($environment: String) {
      services(first: 9, filter: {environmentIdentifier: $environment}) { totalCount nodes { identifier } }
      executions(first: 9, filter: {environmentIdentifier: $environment}) { totalCount }
      instances(first: 9, filter: {environmentIdentifier: $environment}) { totalCount } }"""
    client = premises.of("guest")
    assert client.ask(query, environment=ZETA).body == client.ask(query, environment="nowhere").body
    assert client.ask(query, environment="mine").data["services"]["totalCount"] == 1
    assert premises.of("viewer").ask(query, environment=ZETA).data["services"]["totalCount"] == 2


def test_the_order_of_services_tells_not_when_others_were_deployed(premises: Premises) -> None:
    query = "{ services(first: 9, orderBy: {field: LAST_DEPLOYED_AT, direction: DESC}) { edges { cursor } } }"
    by_name = query.replace("LAST_DEPLOYED_AT", "NAME")
    assert premises.of("guest").ask(query).body == premises.of("guest").ask(by_name).body
    assert premises.of("viewer").ask(query).body != premises.of("viewer").ask(by_name).body


FOLLOW = "subscription ($id: ID!) { executionProgress(executionId: $id) { execution { status } } }"


@pytest.mark.parametrize("transport", [SSE, "websocket"])
def test_who_may_not_see_an_execution_cannot_follow_it(
    premises: Premises, nodes: dict[str, dict[str, bool]], transport: str
) -> None:
    for caller in CALLERS:
        for identifier, mine in nodes["Execution"].items():
            answer = premises.of(caller).ask(FOLLOW, transport, id=identifier)
            if caller in SEES_ALL or (caller in SEES_MINE and mine):
                assert answer.data["executionProgress"]["execution"]["status"]
            else:
                assert answer.codes == ["NOT_FOUND"]


def test_all_subscriptions_are_known() -> None:
    assert set(object_type("Subscription").fields) == {"executionProgress", "executionsChanged"}


def test_the_caller_is_told_what_he_may(premises: Premises) -> None:
    query = "{ viewer { subject permissions { permission environment { identifier } } } }"

    def told(caller: str) -> set[str]:
        shown = premises.of(caller).ask(query, JSON).data["viewer"]
        assert shown["subject"] == caller
        return {
            f"{one['permission']} {(one['environment'] or {'identifier': '*'})['identifier']}"
            for one in shown["permissions"]
        }

    acting = {"deploy mine", "rollback mine"}
    assert told("nobody") == told("late") == set()
    assert told("guest") == {"view mine"}
    assert told("helper") == {"view mine"} | acting
    assert told("viewer") == {"view *"}
    assert told("deployer") == {"view *"} | acting
    assert told("oncall") == {"view *", "deploy zeta", "rollback zeta"}
    assert told("auditor") == {"view *", "read_audit_log *"}
    assert told("admin") == {"view *", "configure *", "override_freeze mine", "read_audit_log *"} | acting
