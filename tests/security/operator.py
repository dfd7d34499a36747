"""The command line as an operator uses it, on an installation that may be running; within this process."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from server.cli import main


@dataclass(frozen=True)
class Said:
    code: int
    output: str
    complaint: str


@dataclass(frozen=True)
class Operator:
    """`settings` without their prefix, in lower case."""

    data: Path
    settings: Mapping[str, str] = field(default_factory=dict[str, str])

    def run(self, *arguments: str) -> Said:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("UNSHIP_")}
        given = {f"UNSHIP_{name.upper()}": value for name, value in self.settings.items()}
        output, complaint = StringIO(), StringIO()
        with (
            only_environment(kept | given | {"UNSHIP_DATA_DIR": str(self.data)}),
            redirect_stdout(output),
            redirect_stderr(complaint),
        ):
            try:
                code = main(list(arguments))
            except SystemExit as ended:
                code = int(str(ended.code))
        assert "Traceback" not in complaint.getvalue(), complaint.getvalue()
        return Said(code, output.getvalue(), complaint.getvalue())

    def done(self, *arguments: str) -> str:
        """The output of a command that must do what it is asked to."""
        said = self.run(*arguments)
        assert said.code == 0, said
        return said.output

    def token(self, name: str, role: str = "deployer") -> str:
        return self.done("token", "create", "--name", name, "--role", role, "--days", "1").strip()


@contextmanager
def only_environment(variables: Mapping[str, str]) -> Generator[None]:
    """The environment of the process is exactly this within the block."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
