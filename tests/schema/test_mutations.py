"""Mutations: what is expected to be refused is data with a code, and what was accepted can be read at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from db.tables import Pipeline
from pipelines.runtime import Rules
from providers.connectors import Connector, Connectors
from schema.ids import global_id
from tests.schema.api import Api, open_api

_EXAMPLE = (Path(__file__).parents[2] / "examples" / "kubernetes.yaml").read_text(encoding="utf-8")
_ERRORS = "userErrors { code message path } clientMutationId"
_APPLY = (
    "mutation ($input: ApplyConfigurationInput!) { applyConfiguration(input: $input) "
    f"{{ applied {{ __typename id }} {_ERRORS} }} }}"
)
_RUN = (
    "mutation ($input: RunPipelineInput!) { runPipeline(input: $input) "
    f"{{ execution {{ id kind status sequenceId triggeredBy reason }} {_ERRORS} }} }}"
)
_ABORT = (
    "mutation ($input: AbortExecutionInput!) { abortExecution(input: $input) "
    f"{{ execution {{ id status }} {_ERRORS} }} }}"
)
_ROLL_BACK = (
    "mutation ($input: RollbackDeploymentInput!) { rollbackDeployment(input: $input) "
    f"{{ execution {{ id }} eligibility {{ verdict reasons {{ code severity message }} }} {_ERRORS} }} }}"
)
_SYNC = (
    "mutation ($input: SyncInstancesInput!) { syncInstances(input: $input) "
    f"{{ instances {{ key }} {_ERRORS} }} }}"
)
_NOWHERE = global_id("Execution", "0" * 32)


def _run(directory: Path, check: Callable[[Api], Awaitable[None]]) -> None:
    """Run a check on a database that holds the example, whose cluster nobody can reach."""

    async def opened() -> None:
        cluster = Connector("cluster", "Kubernetes", {"kubeconfig": "./kubeconfig"}, directory)
        connectors = Connectors({"cluster": cluster})
        rules = Rules(post_prod_rollback=True, allow_scripts=True)
        async with open_api(f"sqlite:///{directory}/unship.db", None, rules, connectors) as api:
            applied = await _one(api, _APPLY, {"yaml": _EXAMPLE})
            assert applied["userErrors"] == []
            await check(api)

    asyncio.run(opened())


async def _one(api: Api, mutation: str, wanted: dict[str, Any]) -> Any:
    """The payload of a mutation."""
    data = await api.data(mutation, {"input": wanted})
    return next(iter(data.values()))


def _codes(payload: Any) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def test_what_was_applied_is_named_in_the_order_of_the_documents(tmp_path: Path) -> None:
    async def check(api: Api) -> None:
        payload = await _one(api, _APPLY, {"yaml": _EXAMPLE, "clientMutationId": "mine"})
        assert [node["__typename"] for node in payload["applied"]] == [
            "Service",
            "Environment",
            "Environment",
            "EnvironmentGroup",
            "Infrastructure",
            "Infrastructure",
            "Pipeline",
        ]
        assert payload["clientMutationId"] == "mine"
        found = await api.data("{ environmentGroups { nodes { environments { identifier } } } }")
        environments = found["environmentGroups"]["nodes"][0]["environments"]
        assert [one["identifier"] for one in environments] == ["staging", "prod"]

    _run(tmp_path, check)


def test_problems_of_a_configuration_name_their_place(tmp_path: Path) -> None:
    async def check(api: Api) -> None:
        payload = await _one(api, _APPLY, {"yaml": "environment: {identifier: x, nam: X, type: Production}"})
        assert payload["applied"] == []
        problem = next(error for error in payload["userErrors"] if error["code"] == "UNKNOWN_KEY")
        assert problem["path"] == ["environment"]
        assert "line 1" in problem["message"]
        assert '"name"' in problem["message"]
        assert (await api.data('{ environment(identifier: "x") { id } }'))["environment"] is None

    _run(tmp_path, check)


def test_a_stored_pipeline_that_this_version_does_not_accept_is_told(tmp_path: Path) -> None:
    """As after an upgrade: what was applied before is kept as it is."""

    async def check(api: Api) -> None:
        async with api.runtime.database.write() as session:
            await session.execute(sa.update(Pipeline).values(yaml="pipeline: {identifier: web, nam: Web}"))
        (error,) = (await _one(api, _RUN, {"pipelineIdentifier": "web"}))["userErrors"]
        assert (error["code"], error["path"]) == ("PIPELINE_UNREADABLE", ["pipelineIdentifier"])
        assert 'the key "stages" is missing' in error["message"]
        assert error["message"].endswith("Apply it again.")

    _run(tmp_path, check)


@pytest.mark.parametrize("key", ["", "  ", "x" * 256])
def test_an_idempotency_key_that_is_none_is_refused(tmp_path: Path, key: str) -> None:
    """An empty one of a frontend would answer every later deployment with the first."""

    async def check(api: Api) -> None:
        wanted: dict[str, Any] = {"pipelineIdentifier": "web", "idempotencyKey": key}
        assert _codes(await _one(api, _RUN, wanted)) == ["INVALID_IDEMPOTENCY_KEY"]
        undone: dict[str, Any] = {"target": {"executionId": _NOWHERE}, "idempotencyKey": key}
        assert _codes(await _one(api, _ROLL_BACK, undone)) == ["INVALID_IDEMPOTENCY_KEY"]

    _run(tmp_path, check)


def test_a_run_is_accepted_once_per_key(tmp_path: Path) -> None:
    async def check(api: Api) -> None:
        wanted = {
            "pipelineIdentifier": "web",
            "idempotencyKey": "k",
            "reason": "Because.",
            "variables": {"tag": "1.25"},
        }
        payload = await _one(api, _RUN, wanted)
        assert payload["userErrors"] == []
        execution = payload["execution"]
        assert execution["kind"] == "DEPLOYMENT"
        assert execution["status"] in ("QUEUED", "RUNNING")
        assert (execution["sequenceId"], execution["triggeredBy"], execution["reason"]) == (
            1,
            "tester",
            "Because.",
        )
        assert (await _one(api, _RUN, wanted))["execution"]["id"] == execution["id"]
        assert _codes(await _one(api, _RUN, wanted | {"reason": "Other."})) == ["IDEMPOTENCY_KEY_REUSED"]
        assert _codes(await _one(api, _RUN, {"pipelineIdentifier": "web"})) == ["TARGET_BUSY"]
        found = await api.data("{ executions(first: 9) { nodes { stages { artifact { tag } steps { name } } } } }")
        assert len(found["executions"]["nodes"]) == 1

    _run(tmp_path, check)


def test_an_unknown_pipeline_is_refused(tmp_path: Path) -> None:
    async def check(api: Api) -> None:
        payload = await _one(api, _RUN, {"pipelineIdentifier": "none", "clientMutationId": "mine"})
        assert payload["execution"] is None
        assert _codes(payload) == ["PIPELINE_NOT_FOUND"]
        assert payload["clientMutationId"] == "mine"

    _run(tmp_path, check)


@pytest.mark.parametrize("variables", ["text", 7, [1], {"tag": None}, {"tag": [1]}, {"tag": {}}, {"tag": "a\0b"}])
def test_variables_must_be_an_object_of_scalars(tmp_path: Path, variables: object) -> None:
    async def check(api: Api) -> None:
        payload = await _one(api, _RUN, {"pipelineIdentifier": "web", "variables": variables})
        assert payload["execution"] is None
        assert _codes(payload) == ["INVALID_VARIABLES"]
        assert payload["userErrors"][0]["path"] == ["variables"]

    _run(tmp_path, check)


def test_aborting(tmp_path: Path) -> None:
    async def check(api: Api) -> None:
        started = (await _one(api, _RUN, {"pipelineIdentifier": "web"}))["execution"]
        payload = await _one(api, _ABORT, {"executionId": started["id"], "reason": "Wrong one."})
        assert payload["userErrors"] == []
        assert payload["execution"]["id"] == started["id"]
        assert payload["execution"]["status"] in ("ABORTING", "ABORTED")
        assert _codes(await _one(api, _ABORT, {"executionId": _NOWHERE})) == ["NOT_FOUND"]
        malformed = await _one(api, _ABORT, {"executionId": "nonsense"})
        assert _codes(malformed) == ["INVALID_ID"]
        assert malformed["userErrors"][0]["path"] == ["executionId"]

    _run(tmp_path, check)


def test_a_rollback_that_is_not_eligible_names_every_blocking_reason(tmp_path: Path) -> None:
    async def check(api: Api) -> None:
        started = (await _one(api, _RUN, {"pipelineIdentifier": "web"}))["execution"]
        target = {"executionId": started["id"]}
        payload = await _one(api, _ROLL_BACK, {"target": target, "clientMutationId": "mine"})
        assert payload["execution"] is None
        assert payload["eligibility"]["verdict"] == "INELIGIBLE"
        blocking = [one["code"] for one in payload["eligibility"]["reasons"] if one["severity"] == "BLOCKING"]
        assert "EXECUTION_NOT_SUCCESSFUL" in blocking
        assert _codes(payload) == blocking
        assert payload["clientMutationId"] == "mine"
        query = "query ($t: RollbackTargetInput!) { rollbackEligibility(target: $t) { verdict reasons { code } } }"
        asked = (await api.data(query, {"t": target}))["rollbackEligibility"]
        assert asked["verdict"] == "INELIGIBLE"
        assert [one["code"] for one in asked["reasons"]] == [
            one["code"] for one in payload["eligibility"]["reasons"]
        ]

    _run(tmp_path, check)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"executionId": "nonsense"}, "`executionId` is not the id of an Execution"),
        ({"instanceId": "nonsense"}, "`instanceId` is not the id of an Instance"),
        ({"stageIds": ["nonsense"]}, "`stageIds` is not the id of a Stage"),
        ({"stageIds": []}, "at least one id is needed"),
    ],
)
def test_what_is_wrong_with_a_target_is_said_in_words(tmp_path: Path, target: dict[str, Any], said: str) -> None:
    async def check(api: Api) -> None:
        (error,) = (await _one(api, _ROLL_BACK, {"target": target}))["userErrors"]
        assert said in error["message"]

    _run(tmp_path, check)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ({"executionId": "nonsense"}, "INVALID_ID"),
        ({"executionId": global_id("Service", "0" * 32)}, "INVALID_ID"),
        ({"stageIds": []}, "INVALID_ID"),
        ({"stageIds": [_NOWHERE]}, "INVALID_ID"),
        ({"instanceId": _NOWHERE}, "INVALID_ID"),
        ({"executionId": _NOWHERE}, "NOT_FOUND"),
        ({"stageIds": [global_id("Stage", "0" * 32)]}, "NOT_FOUND"),
        ({"instanceId": global_id("Instance", "0" * 32)}, "NOT_FOUND"),
    ],
)
def test_targets_that_are_none(tmp_path: Path, target: dict[str, Any], code: str) -> None:
    async def check(api: Api) -> None:
        payload = await _one(api, _ROLL_BACK, {"target": target})
        assert payload["execution"] is None
        assert _codes(payload) == [code]
        for query in (
            "query ($t: RollbackTargetInput!) { rollbackEligibility(target: $t) { verdict } }",
            "query ($t: RollbackTargetInput!) { rollbackPlan(target: $t) { hash } }",
        ):
            assert (await api.ask(query, {"t": target})).codes == [code]

    _run(tmp_path, check)


def test_syncing_what_is_not_there_or_cannot_be_asked(tmp_path: Path) -> None:
    async def check(api: Api) -> None:
        for wanted in (
            {"serviceIdentifier": "none", "environmentIdentifier": "prod"},
            {"serviceIdentifier": "web", "environmentIdentifier": "none"},
        ):
            payload = await _one(api, _SYNC, wanted)
            assert payload["instances"] is None
            assert _codes(payload) == ["NOT_FOUND"]
        payload = await _one(api, _SYNC, {"serviceIdentifier": "web", "environmentIdentifier": "prod"})
        assert payload["instances"] == [], "nothing was ever deployed there"

    _run(tmp_path, check)


def test_a_text_that_no_database_could_hold_is_refused(tmp_path: Path) -> None:
    async def check(api: Api) -> None:
        assert _codes(await _one(api, _RUN, {"pipelineIdentifier": "web", "reason": "a\0b"})) == ["INVALID_VALUE"]
        assert _codes(await _one(api, _ABORT, {"executionId": _NOWHERE, "reason": "\ud800"})) == ["INVALID_VALUE"]
        payload = await _one(api, _ROLL_BACK, {"target": {"executionId": _NOWHERE}, "reason": "a\0b"})
        assert _codes(payload) == ["INVALID_VALUE"]
        payload = await _one(api, _SYNC, {"serviceIdentifier": "a\0b", "environmentIdentifier": "prod"})
        assert _codes(payload) == ["INVALID_VALUE"]

    _run(tmp_path, check)
