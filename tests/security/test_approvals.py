"""The two-person rule: one asks, another approves, and the one who asked runs that plan, once, in time."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.kubernetes import KubernetesWorld
from schema.ids import split_id
from tests.journeys.yard import KUBECTL
from tests.security.books import read_log, tamper
from tests.security.premises import ZETA, Premises, documents, freeze_window, premises_in

_APPROVAL = "id status planHash reason requestedBy requestedAt expiresAt decidedBy comment viewerMayApprove"
_PAYLOAD = (
    f"approval {{ {_APPROVAL} execution {{ id }} stages {{ identifier }} }} plan {{ hash }} "
    "eligibility { reasons { code } } userErrors { code message path }"
)


@pytest.fixture(scope="module")
def premises(
    world: KubernetesWorld, connectors: Path, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Premises]:
    """`oncall`, `chief` and `all` may act in production, where the rule holds; `chief` may override windows."""
    with premises_in(tmp_path_factory.mktemp("premises"), world, connectors) as made:
        made.tokens["chief"] = made.operator.token("chief", "viewer")
        made.grant("chief", "admin", ZETA)
        assert apply(made, environment(ZETA, requireRollbackApproval=True)) == []
        yield made


def environment(identifier: str, kind: str = "Production", **more: Any) -> dict[str, Any]:
    return {"environment": {"identifier": identifier, "name": identifier.title(), "type": kind, **more}}


def apply(premises: Premises, *given: dict[str, Any]) -> list[dict[str, Any]]:
    answer = premises.of("admin").ask(
        "mutation ($yaml: String!) { applyConfiguration(input: {yaml: $yaml}) { userErrors { code message } } }",
        yaml=yaml.safe_dump_all(given),
    )
    errors: list[dict[str, Any]] = answer.data["applyConfiguration"]["userErrors"]
    return errors


def mutate(premises: Premises, caller: str, name: str, **wanted: Any) -> Any:
    return (
        premises.of(caller)
        .ask(
            f"mutation ($input: {name[0].upper()}{name[1:]}Input!) "
            f"{{ done: {name}(input: $input) {{ {_PAYLOAD} }} }}",
            input=wanted,
        )
        .data["done"]
    )


def plan(premises: Premises, caller: str, execution: str) -> str:
    query = "query ($id: ID!) { rollbackPlan(target: {executionId: $id}) { hash } }"
    found: str = premises.of(caller).ask(query, id=execution).data["rollbackPlan"]["hash"]
    return found


def ask_for(premises: Premises, caller: str, execution: str, **more: Any) -> Any:
    wanted = {"target": {"executionId": execution}, "planHash": plan(premises, caller, execution), **more}
    return mutate(premises, caller, "requestRollbackApproval", **wanted)


def asked_for(premises: Premises, caller: str, execution: str, approver: str | None = None) -> str:
    """The id of a new request, approved by somebody if given."""
    payload = ask_for(premises, caller, execution)
    assert payload["userErrors"] == [], payload
    identifier: str = payload["approval"]["id"]
    if approver is not None:
        assert mutate(premises, approver, "approveRollback", approvalId=identifier)["userErrors"] == []
    return identifier


def codes(payload: Any) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def roll_back(premises: Premises, caller: str, execution: str, **more: Any) -> Any:
    return (
        premises.of(caller)
        .ask(
            "mutation ($input: RollbackDeploymentInput!) { done: rollbackDeployment(input: $input) "
            "{ execution { id } userErrors { code message } eligibility { reasons { code severity } } } }",
            input={"target": {"executionId": execution}, **more},
        )
        .data["done"]
    )


def reasons(premises: Premises, caller: str, execution: str) -> list[Any]:
    query = f"""query ($id: ID!) {{ rollbackEligibility(target: {{executionId: $id}}) {{ verdict
      reasons {{ code severity message remedy stage {{ identifier }} approval {{ {_APPROVAL} }} }} }} }}"""
    shown = premises.of(caller).ask(query, id=execution).data["rollbackEligibility"]
    return [one for one in shown["reasons"] if one["code"] == "APPROVAL_REQUIRED"]


def approval(premises: Premises, identifier: str, caller: str = "viewer") -> Any:
    query = (
        f"query ($id: ID!) {{ node(id: $id) {{ ... on RollbackApproval {{ {_APPROVAL} rollback {{ id }} }} }} }}"
    )
    return premises.of(caller).ask(query, id=identifier).data["node"]


@pytest.fixture
def latest(premises: Premises) -> str:
    """A deployment to production that could be rolled back, but for the rule."""
    premises.deploy("all", "zeta-only", "stable-alpine")
    return premises.deploy("all", "zeta-only", "stable-otel")


def test_one_asks_another_approves_and_the_first_one_rolls_back(premises: Premises, latest: str) -> None:
    (reason,) = reasons(premises, "oncall", latest)
    assert (reason["severity"], reason["stage"], reason["approval"]) == (
        "BLOCKING",
        {"identifier": "zeta_stage"},
        None,
    )
    assert "requestRollbackApproval" in reason["remedy"]
    assert codes(roll_back(premises, "oncall", latest)) == ["APPROVAL_REQUIRED"]
    asked = ask_for(premises, "oncall", latest, reason="checkout is slow")["approval"]
    assert (asked["status"], asked["requestedBy"], asked["reason"]) == ("PENDING", "oncall", "checkout is slow")
    assert (asked["execution"], asked["stages"]) == ({"id": latest}, [{"identifier": "zeta_stage"}])
    times = [datetime.fromisoformat(asked[name]) for name in ("requestedAt", "expiresAt")]
    assert timedelta(minutes=29.9) < times[1] - times[0] < timedelta(minutes=30.1)
    assert ask_for(premises, "oncall", latest)["approval"]["id"] == asked["id"], "there is one already"
    (reason,) = reasons(premises, "chief", latest)
    assert (reason["severity"], reason["approval"]["id"]) == ("BLOCKING", asked["id"])
    assert "oncall has asked for it" in reason["message"]
    own = mutate(premises, "oncall", "approveRollback", approvalId=asked["id"])
    assert (codes(own), own["approval"]) == (["OWN_REQUEST"], None)
    given = mutate(premises, "chief", "approveRollback", approvalId=asked["id"], comment="go ahead")
    assert given["userErrors"] == []
    assert (given["approval"]["status"], given["approval"]["decidedBy"]) == ("APPROVED", "chief")
    assert given["approval"]["comment"] == "go ahead"
    assert codes(roll_back(premises, "chief", latest)) == ["APPROVAL_REQUIRED"], "it is for oncall alone"
    (reason,) = reasons(premises, "oncall", latest)
    assert (reason["severity"], reason["remedy"]) == ("WARNING", None)
    assert "chief has approved it for oncall until " in reason["message"]
    payload = roll_back(premises, "oncall", latest, planHash=asked["planHash"])
    assert payload["userErrors"] == []
    assert payload["eligibility"]["reasons"] == [{"code": "APPROVAL_REQUIRED", "severity": "WARNING"}]
    rollback = payload["execution"]["id"]
    assert premises.finish(rollback) == "SUCCEEDED"
    used = approval(premises, asked["id"])
    assert (used["status"], used["rollback"]) == ("USED", {"id": rollback})
    query = "query ($id: ID!) { execution(id: $id) { approval { id requestedBy decidedBy } } }"
    shown = premises.of("viewer").ask(query, id=rollback).data["execution"]["approval"]
    assert shown == {"id": asked["id"], "requestedBy": "oncall", "decidedBy": "chief"}
    told = [
        entry for entry in read_log(premises.database_url) if entry.details.get("approvalId") == key(asked["id"])
    ]
    assert [(one.subject, one.action, one.outcome) for one in told] == [
        ("oncall", "requestRollbackApproval", "ACCEPTED"),
        ("oncall", "requestRollbackApproval", "ACCEPTED"),
        ("chief", "approveRollback", "ACCEPTED"),
        ("oncall", "rollbackDeployment", "ACCEPTED"),
    ]
    refused = [entry for entry in read_log(premises.database_url) if entry.code == "OWN_REQUEST"]
    assert [(one.action, one.target) for one in refused] == [
        ("approveRollback", f"RollbackApproval:{key(asked['id'])}")
    ]


def key(identifier: str) -> str:
    found = split_id(identifier)
    assert found is not None
    return found[1]


def test_a_frontend_is_shown_what_waits_and_for_whom(premises: Premises, latest: str) -> None:
    identifier = asked_for(premises, "oncall", latest)
    query = """query ($status: RollbackApprovalStatus, $id: ID) { rollbackApprovals(first: 9,
      filter: {status: $status, executionId: $id}) { totalCount nodes { id status viewerMayApprove } } }"""
    for caller, may in (("chief", True), ("all", True), ("oncall", False), ("viewer", False), ("deployer", False)):
        shown = premises.of(caller).ask(query, status="PENDING").data["rollbackApprovals"]["nodes"]
        assert shown == [{"id": identifier, "status": "PENDING", "viewerMayApprove": may}], caller
    for caller in ("nobody", "guest", "helper"):
        shown = premises.of(caller).ask(query, status="PENDING").data["rollbackApprovals"]
        assert shown == {"totalCount": 0, "nodes": []}
    assert premises.of("chief").ask(query, status="APPROVED").data["rollbackApprovals"]["nodes"] == []
    expired = premises.of("chief").ask(query, status="EXPIRED").data["rollbackApprovals"]["nodes"]
    assert {premises.approvals["own"], premises.approvals["zeta-only"]} <= {one["id"] for one in expired}
    of_it = premises.of("chief").ask(query, id=latest).data["rollbackApprovals"]["nodes"]
    assert [one["id"] for one in of_it] == [identifier]
    assert mutate(premises, "oncall", "rejectRollback", approvalId=identifier)["approval"]["status"] == "REJECTED"


def test_an_approval_is_for_one_try(premises: Premises) -> None:
    """A rollback that failed may be tried again, and somebody has to look again."""
    *_, pipeline = [
        one for one in documents(premises.world) if one.get("pipeline", {}).get("identifier") == "zeta-only"
    ]
    pipeline["pipeline"].update(identifier="zeta-fragile", name="Zeta fragile")
    fails = {"shell": "Bash", "source": {"type": "Inline", "spec": {"script": "exit 1"}}}
    steps = [{"step": {"identifier": "no", "name": "No", "type": "ShellScript", "spec": fails}}]
    pipeline["pipeline"]["stages"][0]["stage"]["spec"]["execution"]["rollbackSteps"] = steps
    assert apply(premises, pipeline) == []
    execution = premises.deploy("all", "zeta-fragile", "stable-alpine")
    asked_for(premises, "oncall", execution, approver="chief")
    payload = roll_back(premises, "oncall", execution)
    assert premises.finish(payload["execution"]["id"]) == "FAILED"
    assert codes(roll_back(premises, "oncall", execution)) == ["APPROVAL_REQUIRED"]
    (reason,) = reasons(premises, "oncall", execution)
    assert reason["approval"] is None
    asked_for(premises, "oncall", execution, approver="all")
    payload = roll_back(premises, "oncall", execution)
    assert payload["userErrors"] == []
    assert premises.finish(payload["execution"]["id"]) == "FAILED"


def test_an_approval_is_worth_nothing_once_the_plan_is_another_one(premises: Premises, latest: str) -> None:
    waiting = asked_for(premises, "all", latest)
    given = asked_for(premises, "oncall", latest, approver="chief")
    command = [str(KUBECTL), "--server", premises.world.url, "--token", "sandbox", "--namespace", "zeta-hidden"]
    subprocess.run([*command, "set", "env", "deployment/web", "DEBUG=1"], check=True, capture_output=True)
    subprocess.run([*command, "rollout", "status", "deployment/web"], check=True, capture_output=True)
    assert codes(roll_back(premises, "oncall", latest, planHash="old")) == ["PLAN_STALE"]
    assert approval(premises, given)["status"] == "STALE"
    assert codes(roll_back(premises, "oncall", latest)) == ["APPROVAL_REQUIRED"]
    stale = mutate(premises, "chief", "approveRollback", approvalId=waiting)
    assert (codes(stale), stale["plan"]) == (["PLAN_STALE"], {"hash": plan(premises, "chief", latest)})
    assert approval(premises, waiting)["status"] == "STALE"
    wanted = {"target": {"executionId": latest}, "planHash": "old"}
    assert codes(mutate(premises, "oncall", "requestRollbackApproval", **wanted)) == ["PLAN_STALE"]
    again = asked_for(premises, "oncall", latest, approver="chief")
    assert approval(premises, again)["status"] == "APPROVED"


def test_time_runs_out_for_answers_and_for_use(premises: Premises, latest: str) -> None:
    waiting = asked_for(premises, "all", latest)
    given = asked_for(premises, "oncall", latest, approver="chief")
    over = "UPDATE rollbackapproval SET expires_at = '2026-01-01 00:00:00' WHERE status IN ('PENDING', 'APPROVED')"
    tamper(premises.database_url, over)
    assert [approval(premises, one)["status"] for one in (waiting, given)] == ["EXPIRED", "EXPIRED"]
    assert codes(roll_back(premises, "oncall", latest)) == ["APPROVAL_REQUIRED"]
    for mutation in ("approveRollback", "rejectRollback"):
        assert codes(mutate(premises, "chief", mutation, approvalId=waiting)) == ["APPROVAL_CLOSED"]
    assert asked_for(premises, "all", latest) != waiting


def test_an_approval_can_be_taken_back_and_is_not_given_twice(premises: Premises, latest: str) -> None:
    given = asked_for(premises, "oncall", latest, approver="chief")
    assert codes(mutate(premises, "all", "approveRollback", approvalId=given)) == ["APPROVAL_CLOSED"]
    back = mutate(premises, "all", "rejectRollback", approvalId=given, comment="not now")["approval"]
    assert (back["status"], back["decidedBy"], back["comment"]) == ("REJECTED", "all", "not now")
    assert codes(roll_back(premises, "oncall", latest)) == ["APPROVAL_REQUIRED"]
    assert codes(mutate(premises, "chief", "approveRollback", approvalId=given)) == ["APPROVAL_CLOSED"]


def test_a_scope_has_an_approval_of_its_own(premises: Premises) -> None:
    """One for the whole execution is not one for a stage of it, nor the other way round."""
    execution = premises.deploy("all", "zeta-both", "stable-otel")
    query = "query ($id: ID!) { execution(id: $id) { stages { id identifier } } }"
    shown = premises.of("all").ask(query, id=execution).data["execution"]["stages"]
    stages = {one["identifier"]: one["id"] for one in shown}
    narrowed = {"target": {"stageIds": [stages["zeta_stage"]]}}
    query = "query ($target: RollbackTargetInput!) { rollbackPlan(target: $target) { hash } }"
    hash_ = premises.of("all").ask(query, target=narrowed["target"]).data["rollbackPlan"]["hash"]
    asked = mutate(premises, "all", "requestRollbackApproval", **narrowed, planHash=hash_)
    assert mutate(premises, "oncall", "approveRollback", approvalId=asked["approval"]["id"])["userErrors"] == []
    assert codes(roll_back(premises, "all", execution)) == ["APPROVAL_REQUIRED"]
    assert codes(roll_back(premises, "all", execution, **narrowed, planHash="old")) == ["PLAN_STALE"]
    mine = {"target": {"stageIds": [stages["mine_stage"]]}, "planHash": "old"}
    assert codes(roll_back(premises, "all", execution, **mine)) == ["PLAN_STALE"], "no rule holds there"


def test_what_could_not_run_anyway_is_not_asked_for(premises: Premises, latest: str) -> None:
    older = premises.executions["zeta-only"]
    payload = ask_for(premises, "oncall", older)
    assert codes(payload) == ["NOT_LATEST_DEPLOYMENT"]
    assert [one["code"] for one in payload["eligibility"]["reasons"]] == [
        "NOT_LATEST_DEPLOYMENT",
        "APPROVAL_REQUIRED",
    ]
    own = {"target": {"executionId": premises.executions["own"]}, "planHash": "old"}
    assert codes(mutate(premises, "helper", "requestRollbackApproval", **own)) == ["APPROVAL_NOT_REQUIRED"]
    assert apply(premises, freeze_window("zeta-hold", enabled=True, environments=[ZETA])) == []
    try:
        assert codes(ask_for(premises, "oncall", latest)) == ["FROZEN"], "he could not override it"
        identifier = asked_for(premises, "chief", latest, approver="oncall")
        override = [{"code": "FROZEN", "justification": "checkout is down"}]
        assert codes(roll_back(premises, "chief", latest)) == ["FROZEN"]
        payload = roll_back(premises, "chief", latest, overrides=override)
        assert payload["userErrors"] == []
        assert premises.finish(payload["execution"]["id"]) == "SUCCEEDED"
        assert approval(premises, identifier)["status"] == "USED"
    finally:
        assert apply(premises, freeze_window("zeta-hold", environments=[ZETA])) == []


def test_no_admin_takes_the_rule_off_over_the_api(premises: Premises, tmp_path: Path) -> None:
    without: tuple[dict[str, Any], ...] = ({}, {"requireRollbackApproval": False})
    for more in without:
        (error,) = apply(premises, environment(ZETA, **more))
        assert error["code"] == "PERMISSION_DENIED"
        assert "requireRollbackApproval" in error["message"]
    query = "{ environments(first: 9) { nodes { identifier requiresRollbackApproval } } }"

    def requiring() -> dict[str, bool]:
        nodes = premises.of("viewer").ask(query).data["environments"]["nodes"]
        return {one["identifier"]: one["requiresRollbackApproval"] for one in nodes}

    assert requiring() == {"mine": False, ZETA: True}
    assert apply(premises, environment("mine", "PreProduction", requireRollbackApproval=True)) == []
    assert requiring()["mine"]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(environment("mine", "PreProduction")))
    premises.operator.done("apply", str(path))
    assert not requiring()["mine"]
