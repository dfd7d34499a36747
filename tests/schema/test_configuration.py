"""Applying configuration through the schema: where a problem or a warning stands, as numbers beside the words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.runtime import Rules
from providers.connectors import Connector, Connectors
from tests.schema.api import Api, open_api

_PLACED = "{ code message path document line column }"
_APPLY = (
    "mutation ($input: ApplyConfigurationInput!) { applyConfiguration(input: $input) "
    f"{{ applied {{ __typename }} userErrors {_PLACED} warnings {_PLACED} }} }}"
)
_RUN = 'mutation { runPipeline(input: {pipelineIdentifier: "none"}) { userErrors { path document line column } } }'
_PLACES = """\
environment: {identifier: prod, name: Production, type: Production}
---
service: {identifier: web, name: Web, serviceDefinition: {type: Kubernetes}}
---
infrastructureDefinition:
  identifier: cluster
  name: Cluster
  environmentRef: prod
  deploymentType: Kubernetes
  type: KubernetesDirect
  spec: {connectorRef: cluster, namespace: web, releaseName: web}
---
"""
_PIPELINE = """\
pipeline:
  identifier: web
  name: Web
  stages:
    - parallel:
        - stage:
            identifier: one
            name: One
            type: Deployment
            spec:
              deploymentType: Kubernetes
              service: {serviceRef: web}
              environment: {environmentRef: prod, infrastructureDefinitions: [{identifier: cluster}]}
              execution:
                steps: [step: {identifier: go, name: Go, type: K8sRollingDeploy, timeout: 5m}]
                rollbackSteps: [step: {identifier: back, name: Back, type: K8sRollingRollback, timeout: 5m}]
    - stage:
        identifier: tell
        name: Tell
        type: Custom
        spec: {execution: {steps: [step: {identifier: wait, name: Wait, type: Wait, spec: {duration: 1s}}]}}
"""
_WAY_BACK = "                rollbackSteps: [step: {identifier: back"


def _run(directory: Path, check: Callable[[Api], Awaitable[None]], rules: Rules | None = None) -> None:
    async def opened() -> None:
        connectors = Connectors({"cluster": Connector("cluster", "Kubernetes", {}, directory)})
        async with open_api(f"sqlite:///{directory}/unship.db", None, rules, connectors) as api:
            await check(api)

    asyncio.run(opened())


async def _apply(api: Api, yaml: str) -> Any:
    return (await api.data(_APPLY, {"input": {"yaml": yaml}}))["applyConfiguration"]


def _at(text: str, placed: Any) -> str:
    """What stands at the place, to the end of the line."""
    line: int = placed["line"]
    column: int = placed["column"]
    return text.splitlines()[line - 1][column - 1 :]


def test_a_problem_has_document_line_and_column_of_the_whole_input(tmp_path: Path) -> None:
    text = _PLACES + _PIPELINE.replace("serviceRef: web", "serviceRef: wep")

    async def check(api: Api) -> None:
        payload = await _apply(api, text)
        (problem,) = payload["userErrors"]
        assert problem["code"] == "UNKNOWN_REFERENCE"
        assert problem["document"] == 4
        assert _at(text, problem).startswith("serviceRef: wep")
        path = ["pipeline", "stages", "0", "parallel", "0", "stage", "spec", "service", "serviceRef"]
        assert problem["path"] == path
        assert (payload["applied"], payload["warnings"]) == ([], [])

    _run(tmp_path, check)


def test_the_place_of_an_error_that_is_not_about_yaml_is_null(tmp_path: Path) -> None:
    async def check(api: Api) -> None:
        (error,) = (await api.data(_RUN))["runPipeline"]["userErrors"]
        assert error == {"path": ["pipelineIdentifier"], "document": None, "line": None, "column": None}

    _run(tmp_path, check)


def test_rule_5_a_stage_that_declares_no_rollback_steps_is_applied_with_a_warning(tmp_path: Path) -> None:
    lines = _PIPELINE.splitlines(keepends=True)
    without = _PLACES + "".join(line for line in lines if not line.startswith(_WAY_BACK))

    async def check(api: Api) -> None:
        payload = await _apply(api, without)
        assert payload["userErrors"] == []
        assert [node["__typename"] for node in payload["applied"]][-1] == "Pipeline"
        (warning,) = payload["warnings"]
        assert (warning["code"], warning["document"]) == ("NO_ROLLBACK_STEPS", 4)
        assert 'the stage "one" declares no rollbackSteps' in warning["message"]
        assert warning["path"] == ["pipeline", "stages", "0", "parallel", "0", "stage", "spec", "execution"]
        assert _at(without, warning) == "execution:"

    _run(tmp_path, check)


@pytest.mark.parametrize("steps", ["", "[]"])
def test_an_empty_list_of_rollback_steps_declares_none(tmp_path: Path, steps: str) -> None:
    lines = _PIPELINE.splitlines(keepends=True)
    empty = "".join(line if not line.startswith(_WAY_BACK) else f"{_WAY_BACK[:30]} {steps}\n" for line in lines)
    assert empty.count("rollbackSteps:") == 1

    async def check(api: Api) -> None:
        assert [one["code"] for one in (await _apply(api, _PLACES + empty))["warnings"]] == ["NO_ROLLBACK_STEPS"]

    _run(tmp_path, check)


def test_nothing_is_warned_about_where_every_deployment_has_a_way_back(tmp_path: Path) -> None:
    async def check(api: Api) -> None:
        payload = await _apply(api, _PLACES + _PIPELINE)
        assert (payload["userErrors"], payload["warnings"]) == ([], [])

    _run(tmp_path, check)


def test_steps_that_are_switched_off_name_the_setting(tmp_path: Path) -> None:
    script = "type: ShellScript, spec: {source: {type: Inline, spec: {script: ls}}}"
    text = _PLACES + _PIPELINE.replace("type: Wait, spec: {duration: 1s}", script)

    async def check(api: Api) -> None:
        (problem,) = (await _apply(api, text))["userErrors"]
        assert problem["code"] == "SCRIPTS_DISABLED"
        assert "UNSHIP_ALLOW_SCRIPTS=true" in problem["message"]

    _run(tmp_path, check)


def test_a_misspelt_deployment_type_is_told_once_and_where_it_stands(tmp_path: Path) -> None:
    text = _PLACES.replace("deploymentType: Kubernetes", "deploymentType: Kubernets") + _PIPELINE

    async def check(api: Api) -> None:
        (problem,) = (await _apply(api, text))["userErrors"]
        assert problem["path"] == ["infrastructureDefinition", "deploymentType"]
        assert 'did you mean "Kubernetes"?' in problem["message"]

    _run(tmp_path, check)
