"""Scripts run in real shells: what they are given, what is kept of them, and that nothing of them stays."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from pipelines.documents.failure import FailureKind
from pipelines.expressions import Scope, scope_of
from pipelines.secret_marks import mark
from pipelines.steps import GENERIC_STEPS, StepContext, StepFailed, StepResult
from providers.processes import KEPT_BYTES, run
from providers.telemetry import COMMANDS
from providers.values import Progress

STEP = GENERIC_STEPS["ShellScript"]
SHELLS = ("Bash", "Sh")
SECRET = "s3cr3t-w0rd"


async def ignore(progress: Progress) -> None:
    del progress


async def execute(
    script: str, *, scope: Scope | None = None, seconds: float = 20, outputs: list[Any] | None = None, **spec: Any
) -> StepResult:
    model = STEP.spec_model.model_validate(
        {
            "source": {"type": "Inline", "spec": {"script": script}},
            "outputVariables": [item if isinstance(item, dict) else {"name": item} for item in outputs or []],
            **spec,
        }
    )
    scope = scope or scope_of(resolve_secret={"word": SECRET}.get)
    return await STEP.run(model, StepContext(scope, seconds, ignore))


def ran(script: str, **options: Any) -> StepResult:
    return asyncio.run(execute(script, **options))


def failed(script: str, **options: Any) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        asyncio.run(execute(script, **options))
    return caught.value


def group_is_gone(group: int) -> bool:
    """Whether nothing of the process group runs; what init has not reaped yet can be signalled, but is dead."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue  # ended meanwhile
        if int(its_group) == group and state not in "ZX":
            return False
    return True


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.mark.parametrize("shell", SHELLS)
def test_output_variables_are_collected(shell: str) -> None:
    script = """
        A='two words'
        B="first
        second"
        EMPTY=
        echo visible
        echo also >&2
    """
    result = ran(script, shell=shell, outputs=["A", "B", "EMPTY", "MISSING", {"name": "renamed", "value": "A"}])
    assert result.outputs["outputVariables"] == {
        "A": "two words",
        "B": "first\n        second",
        "EMPTY": "",
        "MISSING": None,
        "renamed": "two words",
    }
    assert result.outputs["exitCode"] == 0
    assert result.outputs["output"] == result.output == "visible\nalso\n"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "ending",
    [
        "exit 0",
        "true # comment",
        "trap 'echo bye' EXIT",
        "set -eu",
        "set -C",
        "cd /",
        "unset HOME",
        "printf() { :; }",
        "set --",
    ],
)
def test_output_variables_survive_however_the_script_ends(shell: str, ending: str) -> None:
    assert ran(f"A=kept\n{ending}", shell=shell, outputs=["A"]).outputs["outputVariables"] == {"A": "kept"}


def test_a_script_that_becomes_another_program_cannot_tell_its_variables() -> None:
    assert "unknown" in failed("A=1; exec true", outputs=["A"]).message
    assert ran("exec true").outputs["outputVariables"] == {}


def test_values_of_expressions_are_never_code() -> None:
    hostile = "$(touch /tmp/unship-was-here); `id` \" ' ; exit 7 \\"
    scope = scope_of(pipeline={"variables": {"tag": hostile}})
    script = """A=<+pipeline.variables.tag>; B="<+pipeline.variables.tag>"; C='<+pipeline.variables.tag>'"""
    result = ran(script, scope=scope, outputs=["A", "B", "C"])
    assert result.outputs["outputVariables"] == {"A": hostile, "B": hostile, "C": hostile}
    assert not Path("/tmp/unship-was-here").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_exit_code_and_the_last_errors_are_told(shell: str) -> None:
    error = failed("for i in $(seq 100); do echo line $i >&2; done; echo fine; false", shell=shell)
    assert error.kind is FailureKind.UNKNOWN
    assert error.message.startswith("The script ended with exit code 1: line 81\n")
    assert error.message.endswith("line 100")
    assert failed("echo why; exit 3", shell=shell).message == "The script ended with exit code 3: why"
    assert failed("exit 7", shell=shell).message == "The script ended with exit code 7."
    assert failed("kill -9 $$", shell=shell).message == "The script ended with signal 9."
    assert "exit code 2" in failed("if", shell=shell).message


def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSHIP_CANARY", SECRET)
    monkeypatch.setenv("BASH_ENV", "/nonexistent")
    result = ran(
        "env; ls -la ~ | head -1; pwd",
        environmentVariables=[{"name": "MINE", "value": "<+env.name>!"}],
        scope=scope_of(env={"name": "prod"}),
    )
    names = {line.split("=")[0] for line in result.output.splitlines() if "=" in line}
    assert names <= {"PATH", "HOME", "TMPDIR", "LANG", "MINE", "PWD", "SHLVL", "_", "OLDPWD"}
    assert "MINE=prod!" in result.output
    home = next(line.removeprefix("HOME=") for line in result.output.splitlines() if line.startswith("HOME="))
    assert result.output.splitlines()[-1] == home
    assert not Path(home).exists(), "the private directory is removed"


def test_the_private_directory_is_private_and_goes_also_after_a_failure() -> None:
    error = failed("stat -c %a $HOME >&2; stat -c %a $HOME/script >&2; echo $HOME >&2; exit 1")
    _, home_mode, script_mode, home = error.message.replace(": ", "\n").splitlines()
    assert home_mode == "700"
    assert script_mode in ("600", "644")
    assert not Path(home).exists()


@pytest.mark.parametrize(
    "script",
    [
        'echo "<+secrets.getValue("word")>"',
        'echo <+secrets.getValue("word").toUpperCase()>',
        "echo $TOKEN; echo $TOKEN >&2",
        "echo <+serviceVariables.password>",
        "A=<+serviceVariables.password>; echo x${A}y",
    ],
)
def test_secrets_are_used_but_never_shown(script: str) -> None:
    scope = scope_of(resolve_secret={"word": SECRET}.get, serviceVariables={"password": mark("word")})
    options: dict[str, Any] = {
        "scope": scope,
        "environmentVariables": [{"name": "TOKEN", "type": "Secret", "value": '<+secrets.getValue("word")>'}],
    }
    result = ran(f"{script}\nLEN=${{#TOKEN}}; COPY=$TOKEN", outputs=["LEN", "COPY"], **options)
    shown = str(result)
    assert SECRET not in shown
    assert SECRET.upper() not in shown
    assert "***" in result.output
    assert result.outputs["outputVariables"] == {"LEN": str(len(SECRET)), "COPY": "**************"}
    error = failed(f"{{ {script}; }} >&2; exit 1", **options)
    assert SECRET not in error.message
    assert "***" in error.message


def test_a_secret_output_variable_is_masked_everywhere() -> None:
    result = ran("A=hidden-thing; echo it is $A", outputs=[{"name": "A", "type": "Secret"}])
    assert "hidden-thing" not in str(result)


def test_a_script_cannot_forge_a_mark_that_stands_for_a_secret() -> None:
    result = ran(f"A='{mark('word')}'; echo '{mark('word')}'", outputs=["A"])
    assert result.outputs["outputVariables"] == {"A": "\ufffdword\ufffd"}
    assert result.output == "\ufffdword\ufffd\n"


def test_what_no_database_can_store_is_replaced() -> None:
    result = ran(r"printf 'a\000b\033[0m\377\n'")
    assert result.output == "a\ufffdb\ufffd[0m\ufffd\n"


def test_a_lot_of_output_keeps_its_end_only() -> None:
    result = ran("head -c 20000000 /dev/zero | tr '\\0' x; echo; echo the end")
    assert len(result.output) <= KEPT_BYTES
    assert result.output.endswith("x\nthe end\n")


def test_a_secret_cut_in_two_does_not_show_its_other_half() -> None:
    secret = "abcdefghij" * 1000
    filler = KEPT_BYTES - len(secret) // 2
    scope = scope_of(resolve_secret={"word": secret}.get)
    result = ran(f'printf %s "<+secrets.getValue("word")>"; head -c {filler} /dev/zero | tr "\\0" x', scope=scope)
    assert "abc" not in result.output
    assert len(result.output) > filler // 2


def test_too_long_output_variables_are_refused() -> None:
    assert "longer than" in failed("A=$(head -c 300000 /dev/zero | tr '\\0' x)", outputs=["A"]).message


@pytest.mark.parametrize("script", ["echo <+pipeline.nothing>", 'echo <+secrets.getValue("nothing")>'])
def test_what_has_no_value_is_told(script: str) -> None:
    assert "no value" in failed(script).message


# A pair of a shell and a grandchild, both of which shrug off SIGTERM; the file tells that both are ready.
STUBBORN = """
trap '' TERM
( trap '' TERM; echo ready > {ready}; while :; do read -r -t 3600 line < {fifo}; done ) &
while :; do wait; done
"""


def stubborn(tmp_path: Path) -> str:
    os.mkfifo(tmp_path / "fifo")
    # An end of the pipe that stays open, so that nothing in the script ends by itself.
    os.open(tmp_path / "fifo", os.O_RDWR)
    return f"echo $$ > {tmp_path}/group; " + STUBBORN.format(ready=tmp_path / "ready", fifo=tmp_path / "fifo")


def shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.processes.GRACE_SECONDS", 0.2)


LOOPS: dict[str, Callable[[Coroutine[Any, Any, None]], None]] = {"asyncio": asyncio.run, "uvloop": uvloop.run}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_timeout_kills_the_whole_group(loop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shortened(monkeypatch)

    async def scenario() -> None:
        with pytest.raises(StepFailed, match=r"did not end within 1 s") as caught:
            await execute(stubborn(tmp_path), seconds=1)
        assert caught.value.kind is FailureKind.TIMEOUT

    LOOPS[loop](scenario())
    assert (tmp_path / "ready").exists()
    group = int((tmp_path / "group").read_text())
    wait_for(lambda: group_is_gone(group))


@pytest.mark.parametrize("loop", LOOPS)
def test_a_cancelled_step_kills_the_whole_group(
    loop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shortened(monkeypatch)

    async def scenario() -> None:
        task = asyncio.create_task(execute(stubborn(tmp_path)))
        await asyncio.to_thread(wait_for, (tmp_path / "ready").exists)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    LOOPS[loop](scenario())
    group = int((tmp_path / "group").read_text())
    wait_for(lambda: group_is_gone(group))


@pytest.mark.parametrize("loop", LOOPS)
def test_a_step_that_is_cancelled_while_it_starts_leaves_nothing_behind(loop: str, tmp_path: Path) -> None:
    """However many turns of the event loop it was given, and though its script ran on while the loop was busy."""

    async def scenario(turns: int) -> None:
        reached = tmp_path / f"group-{turns}"
        script = f"sleep 60 & echo $$ > {reached}.part; mv {reached}.part {reached}; wait"
        task = asyncio.create_task(run("script", ["bash", "-c", script], {"PATH": os.environ["PATH"]}, tmp_path))
        for _ in range(turns):
            await asyncio.sleep(0)
        deadline = time.monotonic() + 0.5
        while not reached.exists() and time.monotonic() < deadline:
            time.sleep(0.01)  # noqa: ASYNC251 - the loop is to be busy
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if reached.exists():
            wait_for(lambda: group_is_gone(int(reached.read_text())))

    for turns in range(8):
        LOOPS[loop](scenario(turns))
    assert len(list(tmp_path.glob("group-*"))) > 3


def test_a_polite_script_is_given_time_to_tidy_up(tmp_path: Path) -> None:
    tidied = tmp_path / "tidied"
    error = failed(f"trap 'echo done > {tidied}; exit 1' TERM; while :; do sleep 0.05; done", seconds=0.5)
    assert error.kind is FailureKind.TIMEOUT
    assert tidied.read_text() == "done\n"


def test_what_runs_on_in_the_background_ends_with_the_script(tmp_path: Path) -> None:
    started = time.monotonic()
    result = ran(f"echo $$ > {tmp_path}/group; (while :; do sleep 60; done) & echo started")
    assert result.output == "started\n"
    assert time.monotonic() - started < 10
    wait_for(lambda: group_is_gone(int((tmp_path / "group").read_text())))


def test_a_daemon_that_left_the_group_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "left")
    os.mkfifo(tmp_path / "end")
    end = os.open(tmp_path / "end", os.O_RDWR)
    daemon = f"echo it left > {tmp_path}/left; read line < {tmp_path}/end"
    result = ran(f"setsid sh -c '{daemon}' & read -r line < {tmp_path}/left; echo $line")
    assert result.output == "it left\n"
    os.write(end, b"end\n")
    os.close(end)


def test_commands_are_counted_by_how_they_ended() -> None:
    before = COMMANDS.counts.copy()
    ran("true")
    failed("exit 3")
    failed("sleep 60", seconds=0.1)
    assert COMMANDS.counts - before == {("script", outcome): 1 for outcome in ("ok", "failed", "none")}


def test_a_program_that_does_not_exist_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(run("script", ["/nonexistent/program"], {}, tmp_path))


def test_a_missing_shell_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert failed("true").message == "bash is not installed where the server runs."
