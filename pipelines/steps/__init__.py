"""The steps that need no platform: ShellScript and Http run here; Wait is slept through by the runner, durably."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from pipelines.documents.generic_steps import HTTP, SHELL_SCRIPT, WAIT, HttpSpec, ShellScriptSpec
from pipelines.steps.shell import run_shell
from pipelines.steps.values import GenericStep, StepContext, StepFailed, StepResult
from pipelines.steps.wait import wait_seconds


async def _run_http(spec: HttpSpec, context: StepContext) -> StepResult:
    return await import_module("pipelines.steps.http").run_http(spec, context)


GENERIC_STEPS: Mapping[str, GenericStep] = MappingProxyType(
    {
        SHELL_SCRIPT: GenericStep(ShellScriptSpec, run_shell),
        HTTP: GenericStep(HttpSpec, _run_http),
    }
)

__all__ = ["GENERIC_STEPS", "WAIT", "GenericStep", "StepContext", "StepFailed", "StepResult", "wait_seconds"]
