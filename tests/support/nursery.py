"""A parent of server processes that has loaded the application already: a start costs a fork, not seconds.

What it starts is `python -m server` with the given arguments, environment and log, in a process of its own. It
ends with the test process, and ends its children before it. `python -m tests.support.nursery` is the parent
itself: one line of JSON for each order on standard input, one for its answer on standard output.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from sqlalchemy.orm import configure_mappers

ROOT = Path(__file__).parents[2]
_LOADED = (
    "server.commands",
    "server.serving",
    "server.application",
    "db.migrate",
    "pipelines.engine",
    *(f"providers.{kind}.verbs" for kind in ("kubernetes", "helm", "ecs", "asg", "tas")),
    "pipelines.steps.http",
)


class Nursling:
    """A process that a nursery has started, with what `subprocess.Popen` would give of it."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery
        # Readable once the process has ended; whoever is no parent cannot wait for it otherwise.
        self._end = os.pidfd_open(pid)
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("server", timeout)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def _ended(self, timeout: float) -> int | None:
        if self.returncode is None and select.select([self._end], [], [], timeout)[0]:
            with self._lock:
                if self.returncode is None:
                    status = self._nursery.order({"reap": self.pid})
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class Nursery:
    """The parent, as its owner sees it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.close)

    def start(
        self, arguments: list[str], environment: Mapping[str, str], log: Path, *, prepare: str | None = None
    ) -> Nursling:
        """`prepare` names a module whose `install()` runs in the process before anything else."""
        order = {"start": arguments, "environment": dict(environment), "log": str(log), "prepare": prepare}
        return Nursling(self, self.order(order))

    def order(self, order: dict[str, Any]) -> int:
        with self._lock:
            orders, answers = self._process.stdin, self._process.stdout
            assert orders is not None
            assert answers is not None
            orders.write(json.dumps(order) + "\n")
            orders.flush()
            answer: int = json.loads(answers.readline())
            return answer

    def close(self) -> None:
        self._process.communicate()


def main() -> None:
    for module in _LOADED:
        import_module(module)
    import_module("schema.building").build()
    configure_mappers()
    _complete(BaseModel)
    gc.freeze()
    children: set[int] = set()
    # Unbuffered, so that a child inherits no order that was read ahead.
    while line := _line():
        order: dict[str, Any] = json.loads(line)
        if "start" in order:
            pid = os.fork()
            if pid == 0:
                raise SystemExit(_serve(order))
            children.add(pid)
            answer = pid
        else:
            answer = os.waitpid(order["reap"], 0)[1]
            children.discard(order["reap"])
        os.write(1, f"{answer}\n".encode())
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _complete(model: type[BaseModel]) -> None:
    """Build the models of ours that would be built at first need, in each child anew."""
    for found in model.__subclasses__():
        if not found.__pydantic_complete__ and (ROOT / found.__module__.partition(".")[0]).is_dir():
            found.model_rebuild()
        _complete(found)


def _line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return b""
        line += byte
    return line


def _serve(order: dict[str, Any]) -> int:
    nothing, log = os.open(os.devnull, os.O_RDONLY), os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number, file in enumerate((nothing, log, log)):
        os.dup2(file, number)
    os.environ.clear()
    os.environ.update(order["environment"])
    if order["prepare"] is not None:
        import_module(order["prepare"]).install()
    found: int = import_module("server.cli").main(order["start"])
    return found


if __name__ == "__main__":
    main()
