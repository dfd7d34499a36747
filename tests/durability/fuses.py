"""Fuses inside a server process: it ends itself by SIGKILL at the n-th time that it comes to a point.

The application knows nothing of them. A nursery installs them in a child before it serves (`fused` launches such
servers), on the sessions of the database and on the bell; `Fuses` is their other end, in the test process. Between
the two is a directory: `armed` holds the order, `fired` is the same file once it was carried out, and `visits` has
a line for each time that any of the points was reached.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session

from db.statuses import EventType
from pipelines.bell import Bell
from tests.durability.points import Point
from tests.support.nursery import Nursling
from tests.support.unship import nursery

DIRECTORY = "FUSES"
_PURPOSE = "purpose"


@dataclass(frozen=True)
class Visit:
    """A point was reached, at that Unix time."""

    at: float
    point: Point


@dataclass(frozen=True)
class Fuses:
    """The test's end; one fuse at a time."""

    directory: Path

    def arm(self, point: Point, number: int, *, with_children: bool) -> None:
        """Blow at the n-th time (from 1), counted by the process that reads it first."""
        self.disarm()
        order = self.directory / "order"
        order.write_text(f"{point} {number} {int(with_children)}")
        order.rename(self.directory / "armed")

    def disarm(self) -> None:
        for name in ("armed", "fired"):
            (self.directory / name).unlink(missing_ok=True)

    @property
    def fired(self) -> bool:
        return (self.directory / "fired").exists()

    @property
    def visits(self) -> list[Visit]:
        """All of them, by all processes, in their order."""
        lines = (self.directory / "visits").read_text().splitlines()
        return [Visit(float(at), Point(point)) for at, point in map(str.split, lines)]


def fused(arguments: list[str], environment: Mapping[str, str], log: Path) -> Nursling:
    """Launch a server with fuses; its environment names the directory."""
    return nursery().start(arguments, environment, log, prepare=__name__)


def slay(pid: int, *, with_children: bool) -> None:
    """SIGKILL, to the groups of the process's children too where that is asked for."""
    if with_children:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                with suppress(ProcessLookupError):
                    os.killpg(os.getpgid(int(child)), signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)


class _Box:
    """The process's end."""

    def __init__(self, directory: Path) -> None:
        self._armed, self._fired = directory / "armed", directory / "fired"
        self._visits = os.open(directory / "visits", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._order = 0
        self._seen = 0

    def reached(self, point: Point | None) -> None:
        """Note it where it is a point, and die where that is the order."""
        if point is None:
            return
        os.write(self._visits, f"{time.time()} {point}\n".encode())
        try:
            order, text = self._armed.stat().st_ino, self._armed.read_text()
        except FileNotFoundError:
            return
        wanted, number, with_children = text.split()
        if wanted != point:
            return
        self._order, self._seen = order, self._seen + 1 if order == self._order else 1
        if self._seen == int(number):
            self._armed.rename(self._fired)
            slay(os.getpid(), with_children=with_children == "1")


def install() -> None:
    """Put the fuses into this process."""
    box = _Box(Path(os.environ[DIRECTORY]))

    def before_commit(session: Session) -> None:
        box.reached(_BEFORE.get(session.info.get(_PURPOSE, "")))

    def after_commit(session: Session) -> None:
        box.reached(_AFTER.get(session.info.pop(_PURPOSE, "")))

    def after_rollback(session: Session) -> None:
        session.info.pop(_PURPOSE, None)

    event.listen(Session, "do_orm_execute", _note_purpose)
    event.listen(Session, "before_commit", before_commit)
    event.listen(Session, "after_commit", after_commit)
    event.listen(Session, "after_rollback", after_rollback)
    ring = Bell.ring

    def watched(self: Bell, execution_id: str) -> None:
        box.reached(Point.BEFORE_PUBLISH)
        ring(self, execution_id)

    Bell.ring = watched


_BEFORE = {"intent": Point.BEFORE_INTENT, "commit": Point.BEFORE_COMMIT}
_AFTER = {"intent": Point.AFTER_INTENT, "commit": Point.AFTER_COMMIT, "observe": Point.AFTER_OBSERVE}


def _note_purpose(state: ORMExecuteState) -> None:
    """What the transaction is for, by what it writes."""
    if not state.is_insert or not isinstance(state.parameters, dict):
        return
    table = getattr(getattr(state.statement, "table", None), "name", None)
    parameters: dict[str, Any] = state.parameters
    if table == "checkpoint":
        state.session.info[_PURPOSE] = "intent" if parameters["name"].startswith("begin ") else "commit"
    elif table == "event" and parameters["type"] == EventType.STEP_PROGRESSED:
        state.session.info[_PURPOSE] = "observe"
