"""Freeze windows: what holds a deployment and a rollback back, and lets them through with a justification."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.journeys.yard import NEW, NEXT, OLD, Entry, Yard, nothing_happens, refused
from tests.security.books import read_log
from tests.support.unship import Unship

OVERRIDE = {"code": "FROZEN", "justification": "checkout is down"}


def window(yard: Yard, name: str, hours: tuple[float, float] | None = (-1, 1), **more: Any) -> Entry:
    """A freeze window of the yard's prod, from so many hours to so many hours from now; None: of another time."""
    found: Entry = {"identifier": f"{yard.name}_{name}", "name": name, "environments": [yard.environment("prod")]}
    if hours is not None:
        start, end = (datetime.now(UTC) + timedelta(hours=hour) for hour in hours)
        found["once"] = {"start": start.isoformat(), "end": end.isoformat()}
    return {"freezeWindow": found | more}


@pytest.fixture
def deployed(yard: Yard) -> str:
    """A deployment to prod that can be rolled back."""
    yard.apply(yard.stage("prod"))
    yard.deploy(OLD)
    return yard.deploy(NEW)


def run(unship: Unship, pipeline: str, *overrides: Entry, tag: str = NEXT, **more: Any) -> dict[str, Any]:
    payload: dict[str, Any] = unship.data(
        "mutation ($input: RunPipelineInput!) { runPipeline(input: $input) { execution { id overrides "
        "{ code justification setAside } } userErrors { code message path } } }",
        input={
            "pipelineIdentifier": pipeline,
            "variables": {"tag": tag},
            "overrides": list(overrides),
            **more,
        },
    )["runPipeline"]
    return payload


def frozen(yard: Yard, execution: str) -> list[dict[str, Any]]:
    """The reasons FROZEN of a verdict, with their windows."""
    found = yard.unship.data(
        "query ($id: ID!) { execution(id: $id) { rollbackEligibility { verdict reasons { code severity message "
        "remedy overridable stage { identifier } freezeWindow { identifier activeUntil } } } } }",
        id=execution,
    )["execution"]["rollbackEligibility"]["reasons"]
    return [reason for reason in found if reason["code"] == "FROZEN"]


def test_a_window_holds_a_rollback_back_and_says_until_when(yard: Yard, deployed: str) -> None:
    yard.apply_documents(window(yard, "Sale"))
    (reason,) = frozen(yard, deployed)
    until = datetime.fromisoformat(reason["freezeWindow"]["activeUntil"])
    assert f'Stage "prod": the freeze window "Sale" holds until {until:%Y-%m-%d %H:%M} UTC.' == reason["message"]
    assert (reason["severity"], reason["overridable"]) == ("BLOCKING", True)
    assert reason["stage"] == {"identifier": "prod"}
    assert reason["freezeWindow"]["identifier"] == f"{yard.name}_Sale"
    assert "override of FROZEN with a justification" in reason["remedy"]
    assert refused(yard, executionId=deployed) == ["FROZEN"]
    assert yard.dashboard()["rollbackEligibility"]["verdict"] == "INELIGIBLE"


def test_an_override_lets_the_rollback_through_and_is_kept(yard: Yard, deployed: str) -> None:
    yard.apply_documents(window(yard, "Sale"), window(yard, "Also"))
    with nothing_happens(yard):
        stale = yard.unship.roll_back(target={"executionId": deployed}, planHash="old", overrides=[OVERRIDE])
    assert [error["code"] for error in stale["userErrors"]] == ["PLAN_STALE"]
    shown = yard.unship.plan(executionId=deployed)["hash"]
    request = {"target": {"executionId": deployed}, "planHash": shown, "overrides": [OVERRIDE]}
    payload = yard.unship.roll_back(**request)
    assert payload["userErrors"] == []
    reasons = payload["eligibility"]["reasons"]
    assert [(one["code"], one["severity"]) for one in reasons] == [("FROZEN", "WARNING")] * 2
    assert payload["eligibility"]["verdict"] == "ELIGIBLE_WITH_WARNINGS"
    rollback = payload["execution"]["id"]
    assert yard.unship.finish(rollback) == "SUCCEEDED"
    assert yard.tags() == [OLD, OLD]
    kept = overrides(yard, rollback)
    assert [(one["code"], one["justification"]) for one in kept] == [("FROZEN", "checkout is down")]
    assert kept[0]["setAside"] == [one["message"] for one in reasons]
    assert overrides(yard, deployed) == []
    log = read_log(f"sqlite:///{yard.unship.directory}/data/unship.db")
    entry = next(one for one in reversed(log) if one.action == "rollbackDeployment")
    assert (entry.outcome, entry.details["overrides"]) == ("ACCEPTED", ["FROZEN: checkout is down"])


def overrides(yard: Yard, execution: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yard.unship.data(
        "query ($id: ID!) { execution(id: $id) { overrides { code justification setAside } } }", id=execution
    )["execution"]["overrides"]
    return found


def test_an_override_needs_a_justification_and_a_code_that_allows_it(yard: Yard) -> None:
    yard.apply(yard.stage("prod"))
    execution = yard.deploy(OLD)
    for override, code in (
        ({"code": "FROZEN", "justification": " \n"}, "JUSTIFICATION_REQUIRED"),
        ({"code": "TOO_OLD", "justification": "please"}, "OVERRIDE_NOT_ALLOWED"),
    ):
        with nothing_happens(yard):
            rolled_back = yard.unship.roll_back(target={"executionId": execution}, overrides=[override])
            payloads = (rolled_back, run(yard.unship, yard.name, override))
        for payload in payloads:
            assert [(error["code"], error["path"]) for error in payload["userErrors"]] == [(code, ["overrides"])]


def test_a_window_holds_deployments_back_too(yard: Yard, deployed: str) -> None:
    yard.apply_documents(window(yard, "Sale"))
    with nothing_happens(yard):
        payload = run(yard.unship, yard.name)
    (error,) = payload["userErrors"]
    assert (error["code"], error["path"]) == ("FROZEN", ["pipelineIdentifier"])
    assert error["message"].startswith('The freeze window "Sale" holds until ')
    assert "override of FROZEN" in error["message"]
    payload = run(yard.unship, yard.name, OVERRIDE, idempotencyKey="a key")
    assert payload["userErrors"] == []
    execution = payload["execution"]
    assert execution["overrides"][0]["justification"] == "checkout is down"
    assert execution["overrides"][0]["setAside"][0].startswith('the freeze window "Sale" holds until ')
    assert yard.unship.finish(execution["id"]) == "SUCCEEDED"
    again = run(yard.unship, yard.name, OVERRIDE, idempotencyKey="a key")
    assert again["execution"]["id"] == execution["id"]
    other = run(yard.unship, yard.name, OVERRIDE | {"justification": "other"}, idempotencyKey="a key")
    assert [one["code"] for one in other["userErrors"]] == ["IDEMPOTENCY_KEY_REUSED"]


def test_only_a_window_that_holds_now_and_there_holds_anything_back(yard: Yard, deployed: str) -> None:
    yard.apply(yard.stage("prod"), environments=("prod", "staging"))
    elsewhere = window(yard, "Elsewhere", environments=[yard.environment("staging")])
    yard.apply_documents(
        window(yard, "Over", (-2, -1)),
        window(yard, "Coming", (1, 2)),
        window(yard, "Off", enabled=False),
        elsewhere,
    )
    assert yard.unship.reasons(executionId=deployed) == []
    payload = run(yard.unship, yard.name, OVERRIDE)
    assert payload["execution"]["overrides"] == [], "nothing was set aside"
    assert yard.unship.finish(payload["execution"]["id"]) == "SUCCEEDED"


def test_a_recurring_window_over_a_group_covers_what_belongs_to_it_at_the_time(yard: Yard, deployed: str) -> None:
    yard.apply(yard.stage("prod"), environments=("prod", "staging"))
    group: Entry = {
        "identifier": f"{yard.name}_live",
        "name": "Live",
        "envIdentifiers": [yard.environment("staging")],
    }
    always = {"cron": "* * * * *", "duration": "1h", "timeZone": "Europe/Berlin"}
    groups = {"environments": [], "environmentGroups": [group["identifier"]]}
    yard.apply_documents(window(yard, "Always", None, recurring=always, **groups), {"environmentGroup": group})
    assert yard.unship.reasons(executionId=deployed) == []
    group["envIdentifiers"].append(yard.environment("prod"))
    yard.apply_documents({"environmentGroup": group})
    (reason,) = frozen(yard, deployed)
    assert reason["message"] == 'Stage "prod": the freeze window "Always" holds with no end in sight.'
    assert reason["freezeWindow"] == {"identifier": f"{yard.name}_Always", "activeUntil": None}
    yard.apply_documents(window(yard, "Always", None, recurring=always, enabled=False, **groups))
    assert frozen(yard, deployed) == []


def test_what_a_failed_try_has_undone_already_is_not_held_back(yard: Yard) -> None:
    """Of a rollback over two environments the second failed; what is left is in the other one."""
    broken = {"step": {"identifier": "no", "name": "no", "type": "ShellScript", "spec": SCRIPT}}
    yard.apply(yard.stage("staging", undo_=[broken]), yard.stage("prod"), environments=("prod", "staging"))
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    rollback = yard.unship.rolled_back(execution)
    assert yard.unship.stages(rollback) == {"prod": "SUCCEEDED", "staging": "FAILED"}
    yard.apply_documents(window(yard, "Sale"))
    assert frozen(yard, execution) == []


SCRIPT = {"shell": "Bash", "source": {"type": "Inline", "spec": {"script": "exit 1"}}}

_WINDOWS = """query { freezeWindows(first: 100) { nodes { identifier name description enabled start end cron
  durationSeconds timeZone active activeUntil nextStart environments { identifier }
  environmentGroups { identifier } } } }"""


def test_windows_are_shown_with_when_and_where(yard: Yard) -> None:
    yard.apply(yard.stage("prod"))
    nights = {"cron": "0 20 * * MON-FRI", "duration": "12h", "timeZone": "Europe/Berlin"}
    yard.apply_documents(
        window(yard, "Nights", None, recurring=nights, description="Nobody is there"),
        window(yard, "Coming", (1, 2)),
        window(yard, "Off", enabled=False),
    )
    found = {
        one["name"]: one
        for one in yard.unship.data(_WINDOWS)["freezeWindows"]["nodes"]
        if one["identifier"].startswith(yard.name)
    }
    assert list(found) == ["Coming", "Nights", "Off"]
    shown = found["Nights"]
    assert (shown["cron"], shown["durationSeconds"], shown["timeZone"]) == (
        "0 20 * * MON-FRI",
        43_200,
        "Europe/Berlin",
    )
    assert (shown["start"], shown["end"], shown["description"]) == (None, None, "Nobody is there")
    assert shown["environments"] == [{"identifier": yard.environment("prod")}]
    coming = found["Coming"]
    assert (coming["active"], coming["activeUntil"]) == (False, None)
    assert coming["nextStart"] == coming["start"] < coming["end"]
    assert (found["Off"]["enabled"], found["Off"]["active"], found["Off"]["nextStart"]) == (False, False, None)
    environment = yard.unship.data(
        "query ($id: String!) { environment(identifier: $id) { freezeWindows { name } } }",
        id=yard.environment("prod"),
    )["environment"]
    assert environment == {"freezeWindows": [{"name": name} for name in found]}


def test_applying_the_same_window_again_changes_nothing(yard: Yard) -> None:
    yard.apply(yard.stage("prod"))
    document = window(yard, "Sale")
    yard.apply_documents(document)
    before = yard.unship.data(_WINDOWS)
    yard.apply_documents(document)
    assert yard.unship.data(_WINDOWS) == before
