"""The operator's policies for every kind of caller: freeze windows, and a second person's approval."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.kubernetes import KubernetesWorld
from tests.security.books import read_log
from tests.security.premises import CALLERS, ZETA, Premises, freeze_window, premises_in

SEEING = {
    "mine": {*CALLERS, "chief"} - {"nobody", "late"},
    ZETA: {"viewer", "deployer", "oncall", "auditor", "admin", "chief"},
}
ACTING = {"mine": {"helper", "deployer", "admin"}, ZETA: {"oncall", "chief"}}
# The role admin where it may act at all, or a grant of it.
OVERRIDING = {"mine": {"admin"}, ZETA: {"chief"}}
PIPELINE = {"mine": "own", ZETA: "zeta-only"}
OVERRIDE = {"code": "FROZEN", "justification": "checkout is down"}


@pytest.fixture(scope="module")
def premises(
    world: KubernetesWorld, connectors: Path, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Premises]:
    """With somebody who has a grant of the role admin in production."""
    with premises_in(tmp_path_factory.mktemp("premises"), world, connectors) as made:
        made.tokens["chief"] = made.operator.token("chief", "viewer")
        made.grant("chief", "admin", ZETA)
        yield made


@pytest.fixture
def frozen(premises: Premises) -> Generator[None]:
    """Both environments, by their group."""
    apply(premises, freeze_window("everywhere", enabled=True, environmentGroups=["all"]))
    yield
    apply(premises, freeze_window("everywhere", environmentGroups=["all"]))


def apply(premises: Premises, *documents: dict[str, Any], caller: str = "admin") -> list[dict[str, Any]]:
    answer = premises.of(caller).ask(
        "mutation ($yaml: String!) { applyConfiguration(input: {yaml: $yaml}) { userErrors { code message } } }",
        yaml=yaml.safe_dump_all(documents),
    )
    errors: list[dict[str, Any]] = answer.data["applyConfiguration"]["userErrors"]
    return errors


def rollback(premises: Premises, caller: str, execution: str, *overrides: dict[str, str], **more: Any) -> Any:
    """The payload of a rollback of a plan that is stale: nothing happens where it would be allowed."""
    return (
        premises.of(caller)
        .ask(
            "mutation ($input: RollbackDeploymentInput!) { done: rollbackDeployment(input: $input) "
            "{ execution { id } userErrors { code message } eligibility { reasons { code overridable } } } }",
            input={"target": {"executionId": execution}, "planHash": "old", "overrides": list(overrides), **more},
        )
        .data["done"]
    )


def first_code(payload: Any) -> str | None:
    return payload["userErrors"][0]["code"] if payload["userErrors"] else None


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("environment", ["mine", ZETA])
def test_only_who_may_override_a_window_gets_past_it(premises: Premises, environment: str) -> None:
    execution = premises.executions[PIPELINE[environment]]
    for caller in (*CALLERS, "chief"):
        seen, acts = caller in SEEING[environment], caller in ACTING[environment]
        overrides = caller in OVERRIDING[environment]
        denied = "PERMISSION_DENIED" if seen else "NOT_FOUND"
        payload = rollback(premises, caller, execution)
        assert first_code(payload) == ("FROZEN" if acts else denied), caller
        payload = rollback(premises, caller, execution, OVERRIDE)
        assert first_code(payload) == (("PLAN_STALE" if overrides else "FROZEN") if acts else denied), caller
        if overrides:
            continue
        wanted = premises.run(caller, PIPELINE[environment], overrides=[OVERRIDE]).data["runPipeline"]
        hidden = "PERMISSION_DENIED" if seen else "PIPELINE_NOT_FOUND"
        assert first_code(wanted) == ("FROZEN" if acts else hidden), caller


@pytest.mark.usefixtures("frozen")
def test_a_verdict_tells_who_may_override_and_the_others_whom_to_ask(premises: Premises) -> None:
    query = """query ($id: ID!) { rollbackEligibility(target: {executionId: $id}) { reasons { code overridable
      remedy freezeWindow { identifier environments { identifier } environmentGroups { identifier } } } } }"""
    for caller, may in (("oncall", False), ("chief", True)):
        shown = premises.of(caller).ask(query, id=premises.executions["zeta-only"]).data["rollbackEligibility"]
        (reason,) = shown["reasons"]
        assert (reason["code"], reason["overridable"]) == ("FROZEN", may)
        assert ("the role admin, or a grant of it there" in reason["remedy"]) != may
    shown = premises.of("helper").ask(query, id=premises.executions["own"]).data["rollbackEligibility"]
    (reason,) = [one for one in shown["reasons"] if one["code"] == "FROZEN"]
    groups = [{"identifier": "all"}]
    assert reason["freezeWindow"] == {"identifier": "everywhere", "environments": [], "environmentGroups": groups}


@pytest.mark.usefixtures("frozen")
def test_an_override_is_in_the_audit_log_with_its_justification(premises: Premises) -> None:
    answer = premises.run("chief", "zeta-only", variables={"tag": "stable-otel"}, overrides=[OVERRIDE])
    execution = answer.data["runPipeline"]["execution"]["id"]
    assert premises.finish(execution) == "SUCCEEDED"
    payload = rollback(premises, "chief", execution, OVERRIDE, planHash=None)
    assert payload["userErrors"] == []
    assert premises.finish(payload["execution"]["id"]) == "SUCCEEDED"
    log = [entry for entry in read_log(premises.database_url) if entry.subject == "chief"][-2:]
    assert [(one.action, one.outcome) for one in log] == [
        ("runPipeline", "ACCEPTED"),
        ("rollbackDeployment", "ACCEPTED"),
    ]
    assert all(one.details["overrides"] == ["FROZEN: checkout is down"] for one in log)


def test_a_frontend_is_told_who_may_override(premises: Premises) -> None:
    query = "{ viewer { permissions { permission environment { identifier } } } }"
    for caller, where in (("chief", [ZETA]), ("admin", ["mine"]), ("oncall", []), ("helper", [])):
        shown = premises.of(caller).ask(query).data["viewer"]["permissions"]
        found = [one["environment"]["identifier"] for one in shown if one["permission"] == "override_freeze"]
        assert found == where
