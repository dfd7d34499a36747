"""The ShellScript step: a script in a clean environment, its values handed over as variables, never as code."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
from pathlib import Path

from pydantic import JsonValue

from pipelines.documents.failure import FailureKind
from pipelines.documents.generic_steps import Shell, ShellScriptSpec
from pipelines.documents.variables import VariableType
from pipelines.expressions import ExpressionError
from pipelines.quoting import ScriptError, ShellScript, render_script
from pipelines.steps.texts import Texts
from pipelines.steps.values import StepContext, StepFailed, StepResult
from providers.connectors import ConnectorsError
from providers.homes import PrivateDirectory, private_directory
from providers.processes import Ended, run

_PROGRAMS = {Shell.BASH: "bash", Shell.SH: "sh"}
_REPORTED = """if [ "${{{name}+x}}" ]; then command printf '=%s\\0' "${name}"; else command printf '%s\\0' -; fi"""
_MAX_OUTPUTS = 256 * 1024
_SHOWN_LINES = 20
_SHOWN_CHARACTERS = 2_000
_HIDDEN = "**************"


async def run_shell(spec: ShellScriptSpec, context: StepContext) -> StepResult:
    """Run the script; outputs are `outputVariables` (null where the script did not set one), `exitCode`, `output`.

    The environment is PATH, HOME and TMPDIR (a private directory that is removed afterwards), LANG and what the
    step declares. Raises StepFailed, with the last lines of the error stream when the script ended with a code
    other than 0; whatever the script started is gone in every case.
    """
    texts = Texts(context.scope)
    script = _script(spec, texts)
    async with private_directory("unship-step-") as made:
        home = made.path
        (home / "script").write_text(script.text, encoding="utf-8")
        environment = _environment(spec, texts, home) | dict(script.environment)
        ended = await _run(spec, context.timeout, environment, made)
        if ended.code != 0:
            raise StepFailed(_explained(ended, texts))
        variables = _variables(spec, texts, home / "outputs")
        output = _tail(ended.output.text(), texts, cut=ended.output.cut)
    outputs: dict[str, JsonValue] = {"outputVariables": variables, "exitCode": 0, "output": output}
    return StepResult(outputs, output)


def _script(spec: ShellScriptSpec, texts: Texts) -> ShellScript:
    try:
        script = render_script(spec.source.spec.script, texts.scope)
    except (ExpressionError, ScriptError, ConnectorsError) as error:
        raise StepFailed(str(error)) from error
    texts.secrets |= script.secrets
    return ShellScript(script.text, texts.reveal(script.environment), script.secrets)


def _environment(spec: ShellScriptSpec, texts: Texts, home: Path) -> dict[str, str]:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
    }
    for variable in spec.environment_variables:
        value = texts.render(variable.value)
        if "\0" in value:
            raise StepFailed(f"The environment variable {variable.name} cannot hold a NUL character.")
        if variable.type is VariableType.SECRET:
            texts.secrets.add(value)
        environment[variable.name] = value
    return environment


async def _run(
    spec: ShellScriptSpec,
    timeout: float,  # noqa: ASYNC109
    environment: dict[str, str],
    home: PrivateDirectory,
) -> Ended:
    program = shutil.which(_PROGRAMS[spec.shell])
    if program is None:
        raise StepFailed(f"{_PROGRAMS[spec.shell]} is not installed where the server runs.")
    names = [output.source for output in spec.output_variables]
    command = [program, "-c", _wrapper(home.path, names), str(home.path / "script")]
    try:
        async with asyncio.timeout(timeout):
            return await run("script", command, environment, home.path, (home.descriptor,))
    except TimeoutError as error:
        message = f"The script did not end within {timeout:g} s and was stopped."
        raise StepFailed(message, FailureKind.TIMEOUT) from error
    except (OSError, ValueError) as error:
        raise StepFailed(f"The script could not be started: {error}") from error


def _wrapper(home: Path, names: list[str]) -> str:
    """Reads the script in and reports the variables it left: when it ends, and also when it says `exit`.

    A report is one entry per name, ended by NUL: `=` and the value, or `-` where the variable is not set.
    """
    entries = "; ".join(_REPORTED.format(name=name) for name in names)
    report = f"{{ {entries or ':'}; }} >| {shlex.quote(str(home / 'outputs'))}"
    on_exit = f'unship_code=$?; [ "${{unship_reported-}}" ] || {report}; exit "$unship_code"'
    # The explicit report after the script serves scripts that set an EXIT trap of their own.
    return (
        f"umask 077; trap {shlex.quote(on_exit)} EXIT; . {shlex.quote(str(home / 'script'))}; "
        f'unship_code=$?; {report}; unship_reported=yes; exit "$unship_code"'
    )


def _variables(spec: ShellScriptSpec, texts: Texts, path: Path) -> dict[str, JsonValue]:
    if not spec.output_variables:
        return {}
    try:
        with path.open("rb") as file:
            report = file.read(_MAX_OUTPUTS + 1)
    except OSError as error:
        raise StepFailed("The script ended in a way that left its output variables unknown.") from error
    if len(report) > _MAX_OUTPUTS:
        raise StepFailed(f"The output variables are longer than {_MAX_OUTPUTS} bytes together.")
    entries = report.decode("utf-8", errors="replace").split("\0")[:-1]
    if len(entries) != len(spec.output_variables):
        raise StepFailed("The script ended in a way that left its output variables unknown.")
    return {
        output.name: _value(entry, texts, secret=output.type is VariableType.SECRET)
        for output, entry in zip(spec.output_variables, entries, strict=True)
    }


def _value(entry: str, texts: Texts, *, secret: bool) -> str | None:
    if not entry.startswith("="):
        return None
    value = entry[1:]
    if secret and value:
        # Nothing secret is ever stored; that the variable was set is all that is recorded.
        texts.secrets.add(value)
        return _HIDDEN
    return texts.show(value)


def _tail(text: str, texts: Texts, *, cut: bool) -> str:
    """The text fit to be recorded. Where its beginning was cut off, a secret may have been cut in two: drop it."""
    if cut:
        text = text[max((len(secret) for secret in texts.secrets), default=0) :]
    return texts.show(text)


def _explained(ended: Ended, texts: Texts) -> str:
    how = f"exit code {ended.code}" if ended.code > 0 else f"signal {-ended.code}"
    written = ended.errors if ended.errors.text().strip() else ended.output
    shown = _tail(written.text(), texts, cut=written.cut).rstrip()
    lines = "\n".join(shown.splitlines()[-_SHOWN_LINES:])[-_SHOWN_CHARACTERS:]
    return f"The script ended with {how}: {lines}" if lines else f"The script ended with {how}."
