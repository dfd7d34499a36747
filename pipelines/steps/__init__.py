"""The steps that need no platform: ShellScript and Http run here; Wait is slept through by the runner, durably."""

from collections.abc import Mapping
from types import MappingProxyType

from pipelines.documents.generic_steps import HTTP, SHELL_SCRIPT, WAIT, HttpSpec, ShellScriptSpec
from pipelines.steps.http import run_http
from pipelines.steps.shell import run_shell
from pipelines.steps.values import GenericStep, StepContext, StepFailed, StepResult
from pipelines.steps.wait import wait_seconds

GENERIC_STEPS: Mapping[str, GenericStep] = MappingProxyType(
    {
        SHELL_SCRIPT: GenericStep(ShellScriptSpec, run_shell),
        HTTP: GenericStep(HttpSpec, run_http),
    }
)

__all__ = ["GENERIC_STEPS", "WAIT", "GenericStep", "StepContext", "StepFailed", "StepResult", "wait_seconds"]
