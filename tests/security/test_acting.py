"""Every mutation, for every kind of caller, in each environment, over every transport; and asked again later."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from db.security.access import Standing
from db.security.tokens import TokenRow, all_tokens
from pipelines.answers import Started
from pipelines.runtime import Rules
from pipelines.start import RunRequest, run_pipeline
from providers.connectors import load_connectors
from rollback.start import roll_back
from rollback.values import RollbackRequest, RollbackStarted, Scope
from sandbox.kubernetes import KubernetesWorld
from schema.ids import global_id, split_id
from tests.security.books import read_log
from tests.security.callers import JSON, TRANSPORTS, Answer
from tests.security.crawl import object_type
from tests.security.premises import CALLERS, ZETA, Premises, premises_in
from tests.support.runtimes import open_runtime

# Who may act where; whoever sees the place and is not here is refused, and to the others it is not there.
ACTING = {"mine": {"helper", "deployer", "admin"}, ZETA: {"oncall"}}
SEEING = {"mine": {*CALLERS} - {"nobody", "late"}, ZETA: {"viewer", "deployer", "oncall", "auditor", "admin"}}


@dataclass(frozen=True)
class Attempt:
    """A mutation in one of the two environments, such that nothing happens even where it is allowed.

    `allowed` is its code then; `hidden` the one where he who asks sees nothing of the place.
    """

    mutation: str
    kind: str
    wanted: dict[str, Any]
    allowed: str | None
    hidden: str = "NOT_FOUND"


def attempts(premises: Premises, environment: str) -> list[Attempt]:
    """Each of them for that environment; the latest deployment of each is one that could be rolled back."""
    pipeline = {"mine": "own", ZETA: "zeta-only"}[environment]
    service = {"mine": "shop", ZETA: "zeta-hidden"}[environment]
    execution, approval = premises.executions[pipeline], premises.approvals[pipeline]
    return [
        Attempt(
            "rollbackDeployment",
            "RollbackDeploymentInput",
            {"target": {"executionId": execution}, "planHash": "of yesterday"},
            "PLAN_STALE",
        ),
        Attempt(
            "requestRollbackApproval",
            "RequestRollbackApprovalInput",
            {"target": {"executionId": execution}, "planHash": "of yesterday"},
            "APPROVAL_NOT_REQUIRED",
        ),
        Attempt("approveRollback", "ApproveRollbackInput", {"approvalId": approval}, "APPROVAL_CLOSED"),
        Attempt("rejectRollback", "RejectRollbackInput", {"approvalId": approval}, "APPROVAL_CLOSED"),
        Attempt("abortExecution", "AbortExecutionInput", {"executionId": execution}, "EXECUTION_FINISHED"),
        Attempt(
            "runPipeline",
            "RunPipelineInput",
            {"pipelineIdentifier": pipeline, "idempotencyKey": "once", "variables": {"tag": "stable-perl"}},
            None,
            "PIPELINE_NOT_FOUND",
        ),
        Attempt(
            "syncInstances",
            "SyncInstancesInput",
            {"serviceIdentifier": service, "environmentIdentifier": environment},
            None,
        ),
    ]


@pytest.fixture(scope="module")
def premises(
    world: KubernetesWorld, connectors: Path, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Premises]:
    with premises_in(tmp_path_factory.mktemp("premises"), world, connectors) as made:
        yield made


def attempted(premises: Premises, caller: str, attempt: Attempt, transport: str) -> tuple[str | None, str]:
    answer = premises.of(caller).ask(
        f"mutation ($input: {attempt.kind}!) {{ done: {attempt.mutation}(input: $input) "
        "{ userErrors { code message } } }",
        transport,
        input=attempt.wanted,
    )
    errors = answer.data["done"]["userErrors"]
    return (errors[0]["code"], errors[0]["message"]) if errors else (None, "")


def expected(caller: str, environment: str, attempt: Attempt) -> str | None:
    if caller not in SEEING[environment]:
        return attempt.hidden
    # Who sees may also look again; the others act.
    if attempt.mutation == "syncInstances" or caller in ACTING[environment]:
        return attempt.allowed
    return "PERMISSION_DENIED"


@pytest.mark.parametrize("environment", ["mine", ZETA])
@pytest.mark.parametrize("caller", CALLERS)
def test_each_does_what_he_may_and_nothing_else(premises: Premises, caller: str, environment: str) -> None:
    for attempt in attempts(premises, environment):
        if attempt.mutation == "runPipeline" and caller in ACTING[environment]:
            continue
        for transport in TRANSPORTS:
            code, _ = attempted(premises, caller, attempt, transport)
            assert code == expected(caller, environment, attempt), (attempt, transport)


def test_all_mutations_are_attempted(premises: Premises) -> None:
    """A mutation that is new needs a rule, and its place above."""
    names = {attempt.mutation for attempt in attempts(premises, "mine")} | {"applyConfiguration"}
    assert names == set(object_type("Mutation").fields)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("caller", CALLERS)
def test_only_an_admin_configures(premises: Premises, caller: str, transport: str) -> None:
    attempt = Attempt("applyConfiguration", "ApplyConfigurationInput", {"yaml": ""}, "EMPTY")
    code, _ = attempted(premises, caller, attempt, transport)
    assert code == ("EMPTY" if caller == "admin" else "PERMISSION_DENIED")


def test_no_admin_turns_production_into_something_else(premises: Premises) -> None:
    for kind, code in (("PreProduction", "PERMISSION_DENIED"), ("Production", None)):
        text = f"environment: {{identifier: {ZETA}, name: Zeta, type: {kind}}}"
        attempt = Attempt("applyConfiguration", "ApplyConfigurationInput", {"yaml": text}, code)
        assert attempted(premises, "admin", attempt, JSON)[0] == code


def test_what_is_foreign_is_refused_in_the_words_for_what_is_not_there(premises: Premises) -> None:
    nowhere = str(global_id("Execution", "0" * 32))
    for attempt in attempts(premises, ZETA):
        missing = Attempt(attempt.mutation, attempt.kind, dict(attempt.wanted), None)
        for name, value in (
            ("target", {"executionId": nowhere}),
            ("executionId", nowhere),
            ("approvalId", str(global_id("RollbackApproval", "0" * 32))),
            ("pipelineIdentifier", "nowhere"),
            ("environmentIdentifier", "nowhere"),
            ("serviceIdentifier", "nowhere"),
        ):
            if name in missing.wanted:
                missing.wanted[name] = value
        code, said = attempted(premises, "helper", attempt, JSON)
        other_code, other = attempted(premises, "helper", missing, JSON)
        for word in ("zeta-only", "zeta-hidden", ZETA):
            said = said.replace(word, "nowhere")
        assert (code, said) == (other_code, other)


def test_a_pipeline_over_both_is_for_who_may_act_in_both(premises: Premises) -> None:
    for caller in (*ACTING["mine"], *ACTING[ZETA]):
        payload = premises.run(caller, "zeta-both").data["runPipeline"]
        assert payload["execution"] is None
        denied = "PIPELINE_NOT_FOUND" if caller == "helper" else "PERMISSION_DENIED"
        assert [error["code"] for error in payload["userErrors"]] == [denied]
    payload = premises.run("helper", "zeta-both", variables={"nothing": "x"}).data["runPipeline"]
    assert payload["userErrors"][0]["code"] == "PIPELINE_NOT_FOUND", "not what its variables are called"


@pytest.mark.parametrize(("caller", "pipeline"), [("helper", "own"), ("admin", "own"), ("oncall", "zeta-only")])
def test_who_may_deploys_and_rolls_back(premises: Premises, caller: str, pipeline: str) -> None:
    answer = premises.run(caller, pipeline, variables={"tag": f"stable-{caller}"})
    payload = answer.data["runPipeline"]
    assert payload["userErrors"] == []
    execution = payload["execution"]["id"]
    assert premises.finish(execution) == "SUCCEEDED"
    query = """mutation ($id: ID!) { rollbackDeployment(input: {target: {executionId: $id}})
      { execution { id triggeredBy } userErrors { code } } }"""
    rollback = premises.of(caller).ask(query, id=execution).data["rollbackDeployment"]
    assert rollback["userErrors"] == []
    assert rollback["execution"]["triggeredBy"] == caller
    assert premises.finish(rollback["execution"]["id"]) == "SUCCEEDED"
    entries = [entry for entry in read_log(premises.database_url) if entry.subject == caller]
    assert [entry.outcome for entry in entries if entry.action == "rollbackDeployment"][-1] == "ACCEPTED"


def test_the_verdict_says_so_before_anybody_clicks(premises: Premises) -> None:
    query = """query ($target: RollbackTargetInput!) { rollbackEligibility(target: $target)
      { verdict reasons { code severity stage { identifier } } } }"""
    latest = {"executionId": premises.deploy("all", "zeta-only", "stable-otel")}
    shown = premises.of("deployer").ask(query, target=latest).data["rollbackEligibility"]
    assert shown == {
        "verdict": "INELIGIBLE",
        "reasons": [{"code": "PERMISSION_DENIED", "severity": "BLOCKING", "stage": {"identifier": "zeta_stage"}}],
    }
    assert premises.of("oncall").ask(query, target=latest).data["rollbackEligibility"]["verdict"] == "ELIGIBLE"


def test_a_grant_that_ends_ends_at_once(premises: Premises) -> None:
    query = "{ environments(first: 9) { nodes { identifier } } }"
    premises.tokens["guest2"] = premises.operator.token("guest2", "none")

    def seen() -> list[str]:
        answer: Answer = premises.of("guest2").ask(query)
        return [one["identifier"] for one in answer.data["environments"]["nodes"]]

    assert seen() == []
    identifier = premises.grant("guest2", "viewer", ZETA)
    assert seen() == [ZETA]
    premises.operator.done("grant", "revoke", identifier)
    assert seen() == []


def test_an_open_stream_tells_nothing_after_its_grant_has_ended(premises: Premises) -> None:
    premises.tokens["guest3"] = premises.operator.token("guest3", "none")
    identifier = premises.grant("guest3", "viewer", "mine")
    query = "subscription { executionsChanged { id status } }"
    with premises.of("guest3").socket() as connection:
        connection.recv(5)
        connection.send(json.dumps({"id": "a", "type": "subscribe", "payload": {"query": query}}))

        def told_of(execution: str) -> set[str]:
            """The ids of all that is told until this one has succeeded."""
            told: set[str] = set()
            while True:
                shown = json.loads(connection.recv(30))["payload"]["data"]["executionsChanged"]
                told.add(shown["id"])
                if (shown["id"], shown["status"]) == (execution, "SUCCEEDED"):
                    return told

        # Messages of one connection are read in order, but the subscription begins beside them.
        connection.send(json.dumps({"id": "b", "type": "subscribe", "payload": {"query": "{ __typename }"}}))
        assert json.loads(connection.recv(5))["id"] == "b"
        assert json.loads(connection.recv(5))["type"] == "complete"
        first = premises.deploy("helper", "own", "stable-alpine")
        assert first in told_of(first)
        premises.operator.done("grant", "revoke", identifier)
        hidden = premises.deploy("helper", "own", "stable-slim")
        foreign = premises.deploy("all", "zeta-only", "stable-slim")
        premises.grant("guest3", "viewer", "mine")
        third = premises.deploy("helper", "own", "stable-alpine")
        assert told_of(third).isdisjoint({hidden, foreign})


def test_what_waited_is_asked_about_again_when_it_begins(premises: Premises, connectors: Path) -> None:
    """Accepted by a process that died before it began; the next one asks who may still have it."""
    deployment = premises.deploy("all", "own", "stable-trixie")
    parts = split_id(deployment)
    assert parts is not None
    premises.unship.stop()
    gone, stays = asyncio.run(accepted(premises, connectors, parts[1]))
    premises.operator.done("token", "revoke", "helper")
    premises.unship.start()
    assert premises.finish(gone) == "ABORTED"
    query = "query ($id: ID!) { execution(id: $id) { statusReason stages { status steps { status } } } }"
    shown = premises.of("viewer").ask(query, id=gone).data["execution"]
    assert shown["statusReason"].startswith("PERMISSION_DENIED when it was to begin")
    assert {step["status"] for stage in shown["stages"] for step in stage["steps"]} == {"ABANDONED"}
    assert premises.finish(stays) == "SUCCEEDED"


async def accepted(premises: Premises, connectors: Path, deployment: str) -> tuple[str, str]:
    """A rollback by somebody who will be gone, and a deployment by somebody who stays; nothing carries them."""
    rules = Rules(post_prod_rollback=True, authorize=True)
    loaded = load_connectors(connectors)
    async with open_runtime(premises.database_url, connectors=loaded, rules=rules) as runtime:
        async with runtime.database.read() as connection:
            tokens = {token.name: token for token in await all_tokens(connection)}
        request = RollbackRequest(Scope(execution_id=deployment), standing(tokens["helper"]))
        gone = await roll_back(runtime, request)
        assert isinstance(gone, RollbackStarted), gone
        run = RunRequest("zeta-only", {"tag": "stable-perl"}, standing(tokens["oncall"]))
        stays = await run_pipeline(runtime, run)
        assert isinstance(stays, Started), stays
    return global_id("Execution", gone.execution_id), global_id("Execution", stays.execution_id)


def standing(token: TokenRow) -> Standing:
    return Standing(token.name, role=token.role, token_id=token.id, until=token.expires_at)
