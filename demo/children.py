"""The sandbox and the server as child processes. Imports nothing of the project; the tests use it too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn, Self

ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 120.0
_STOP_SECONDS = 30.0
# Beside the connectors file, and last in the server's PATH.
_PROGRAMS = "bin"


class ChildFailed(Exception):
    """A child process ended, or did not get ready; the message carries the end of what it wrote."""


class Child:
    """A process of `python -m ...` that says on a line of its output that it is ready.

    It has a session of its own, so that Ctrl-C reaches only the parent, which then stops it in order.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], ready: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.name = " ".join(arguments[:2])
        self.ready_line = ""
        self._marker = ready
        self._lines: deque[str] = deque(maxlen=1000)
        self._is_ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """The last thousand lines that it wrote."""
        return "".join(self._lines)

    @property
    def process_id(self) -> int:
        return self._process.pid

    def wait_ready(self) -> Self:
        """Returns when it is ready; ChildFailed if it ends before, or takes two minutes. Stops it then."""
        if not self._is_ready.wait(_START_SECONDS) or not self.ready_line:
            self.stop()
            raise ChildFailed(f"{self.name} did not get ready:\n{self.output.strip()}")
        return self

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.append(line)
                if not self.ready_line and self._marker in line:
                    self.ready_line = line.strip()
                    self._is_ready.set()
        self._is_ready.set()

    def wait(self) -> NoReturn:
        """Returns never: raises ChildFailed when it ends by itself. Made for being interrupted."""
        while self._process.poll() is None:
            time.sleep(0.5)
        raise ChildFailed(f"{self.name} ended by itself:\n{self.output.strip()}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and wait for the end; returns the exit code (negative: the signal that ended it)."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reader.join()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_sandbox(directory: Path, tick: float = 0.1) -> Child:
    """The platforms' worlds on free ports; writes `connectors.yaml` and `kubeconfig` into `directory`."""
    arguments = ["sandbox", "--port-base", "0", "--tick", str(tick), "--directory", str(directory)]
    return Child(arguments, {}, "connectors:").wait_ready()


def provide_helm(worlds: Path) -> None:
    """For a machine without a helm in its PATH: the one that `make` has fetched, beside the worlds."""
    programs = worlds / _PROGRAMS
    programs.mkdir(parents=True)
    fetched = ROOT / ".tools" / "helm4"
    if fetched.exists():
        (programs / "helm").symlink_to(fetched)


def start_server(data: Path, connectors: Path, port: int = 0, **settings: str) -> Child:
    """A server on its embedded database; `settings` are UNSHIP_ variables, lower-case, without the prefix."""
    chosen = {f"UNSHIP_{name.upper()}": value for name, value in settings.items()}
    environment = _environment(data, connectors) | chosen
    return Child(["server", "serve", "--port", str(port)], environment, "Unship is ready:").wait_ready()


def _environment(data: Path, connectors: Path) -> dict[str, str]:
    return {
        "UNSHIP_DATA_DIR": str(data),
        "UNSHIP_CONNECTORS": str(connectors),
        "UNSHIP_POST_PROD_ROLLBACK": "true",
        "UNSHIP_ALLOW_SCRIPTS": "true",
        "PATH": os.pathsep.join((os.environ.get("PATH", os.defpath), str(connectors.parent / _PROGRAMS))),
    }


def apply_files(data: Path, connectors: Path, files: Sequence[str]) -> list[str]:
    """Load files beside the running server; one line of what each contained. ChildFailed where one is refused."""
    done = subprocess.run(
        [sys.executable, "-m", "server", "apply", *files],
        cwd=ROOT,
        env={**os.environ, **_environment(data, connectors)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ChildFailed(f"the configuration was refused:\n{done.stderr.strip()}")
    return done.stdout.splitlines()


def url_of(server: Child) -> str:
    """The address of its /graphql, from the line in which it said that it is ready."""
    return server.ready_line.rsplit(" ", 1)[-1]
