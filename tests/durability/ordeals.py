"""Executions that are killed on the way, once or several times, and what must hold of them afterwards."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from strawberry import ID

from db.statuses import FINISHED_EXECUTIONS
from sandbox.__main__ import write_connectors
from schema.ids import database_id
from tests.durability.effects import Effects
from tests.durability.fuses import DIRECTORY, Fuses, fused, slay
from tests.durability.points import Point
from tests.durability.traps import AGENT, Moment, Trap, TrappedCluster, TrappedWorld
from tests.support.shop import OLD, Shop
from tests.support.unship import Unship

DEPLOYED = {
    "ConfigMap changed": 2,
    "Deployment respecified": 2,
    "Secret created": 2,
    "record deployed": 2,
    "record superseded": 2,
}
ROLLED_BACK = {
    "ConfigMap changed": 2,
    "Deployment respecified": 2,
    "Secret created": 2,
    "record deployed": 2,
    "record rolled-back": 2,
}


@dataclass(frozen=True)
class AtRequest:
    """Killed at the n-th request of this life of the process, of those that the rest chooses (`Trap`)."""

    number: int
    moment: Moment
    pattern: str = ""
    writes: bool | None = None
    agent: str = AGENT

    def __str__(self) -> str:
        return f"request {self.number} {self.moment}"


@dataclass(frozen=True)
class AtEvent:
    """Killed when the follower reads the event of this sequence."""

    sequence: int

    def __str__(self) -> str:
        return f"event {self.sequence}"


@dataclass(frozen=True)
class AtReply:
    """Killed as soon as the mutation's answer is there."""

    def __str__(self) -> str:
        return "reply"


@dataclass(frozen=True)
class AtVisit:
    """Killed by itself when it comes to the point for the n-th time."""

    number: int
    point: Point

    def __str__(self) -> str:
        return f"{self.point} {self.number}"


Kill = AtRequest | AtEvent | AtReply | AtVisit


@dataclass
class Course:
    """How an execution went: what its follower read, over all lives of the server, and where it was killed."""

    execution: str = ""
    status: str = ""
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    killed_at: list[str] = field(default_factory=list[str])
    missed: list[Kill] = field(default_factory=list[Kill])
    """Kills at points to which it did not come."""

    def take(self, batch: dict[str, Any]) -> None:
        """Each event remembers its batch's cursor, and when it was read (Unix time)."""
        self.status = batch["execution"]["status"]
        self.events += [event | {"cursor": batch["cursor"], "read": time.time()} for event in batch["events"]]


class Ordeal:
    """One installation in a trapped world, which can be killed on the way of an execution.

    `with_children`: what the server has started dies with it, as when a whole container ends.
    """

    def __init__(self, world: TrappedWorld, directory: Path, settings: Mapping[str, str] | None = None) -> None:
        """The directory holds the connectors file."""
        self.world = world
        self.directory = directory
        self.with_children = False
        self.fuses = Fuses(directory / "fuses")
        self.fuses.directory.mkdir()
        paths = {"UNSHIP_CONNECTORS": directory / "connectors.yaml", DIRECTORY: self.fuses.directory}
        environment = {name: str(path) for name, path in paths.items()}
        self.unship = Unship(directory, environment | dict(settings or {}), launch=fused)
        self.unship.start()

    def close(self) -> None:
        self._set([])
        if self.unship.process is not None and self.unship.process.poll() is None:
            self.unship.stop()
        self.unship.client.close()

    def kill_now(self) -> None:
        """SIGKILL, and back only when the process is gone."""
        process = self.unship.process
        assert process is not None
        slay(process.pid, with_children=self.with_children)
        process.wait(timeout=10)

    def suffer(self, accept: Callable[[], str], kills: Sequence[Kill]) -> Course:
        """Start an execution with `accept`, kill the server at each of `kills` in turn, follow it to its end.

        `accept` is called again, in the next life, where the kill came before its answer.
        """
        course, pending = Course(), list(kills)
        trap = self._set(pending)
        while course.status not in FINISHED_EXECUTIONS:
            try:
                if not course.execution:
                    course.execution = accept()
                if pending and isinstance(pending[0], AtReply):
                    self.kill_now()
                self._follow(course, pending)
            except httpx2.TransportError:
                assert self.unship.process is not None
                self.unship.process.wait(timeout=10)
            if self._died():
                self._note_kill(course, pending, trap)
                trap = self._revive(course, pending)
        self._set([])
        course.missed = pending
        return course

    def restart(self, course: Course) -> None:
        """Start the server after a kill."""
        del course
        self.unship.start()

    def _follow(self, course: Course, pending: Sequence[Kill]) -> None:
        after = course.events[-1]["cursor"] if course.events else None
        with self.unship.progress(course.execution, after) as batches:
            for batch in batches:
                course.take(batch)
                first = pending[0] if pending else None
                if isinstance(first, AtEvent) and batch["events"][-1]["sequence"] >= first.sequence:
                    self.kill_now()
                    return

    def _died(self) -> bool:
        process = self.unship.process
        return process is not None and process.poll() is not None

    def _set(self, pending: Sequence[Kill]) -> Trap | None:
        first = pending[0] if pending else None
        trap = None
        self.fuses.disarm()
        if isinstance(first, AtRequest):
            trap = Trap(first.number, first.moment, self.kill_now, first.pattern, first.writes, first.agent)
        elif isinstance(first, AtVisit):
            self.fuses.arm(first.point, first.number, with_children=self.with_children)
        self.world.set(trap)
        return trap

    def _fired(self, pending: Sequence[Kill], trap: Trap | None) -> bool:
        """Whether the first of the kills is why the process died."""
        match pending[0] if pending else None:
            case AtRequest():
                return trap is not None and trap.sprung.is_set()
            case AtVisit():
                return self.fuses.fired
            case first:
                return first is not None

    def _note_kill(self, course: Course, pending: list[Kill], trap: Trap | None) -> None:
        assert self._fired(pending, trap), f"the server died by itself:\n{self.unship.log[-4000:]}"
        course.killed_at.append(f"{pending.pop(0)}: {trap.at if trap else ''}")

    def _revive(self, course: Course, pending: list[Kill]) -> Trap | None:
        """Start the server again, and again where the next kill comes during its start."""
        while True:
            trap = self._set(pending)
            try:
                self.restart(course)
            except AssertionError:
                if not self._fired(pending, trap):
                    raise
                self._note_kill(course, pending, trap)
                continue
            return trap


class Theatre(Ordeal):
    """One installation in a trapped cluster, with a web shop whose announcements are written down."""

    def __init__(self, world: TrappedCluster, directory: Path) -> None:
        write_connectors([world], directory)
        super().__init__(world, directory)
        self.cluster = world
        self.effects = Effects(world)

    def shop(self, name: str) -> Shop:
        """A shop of that name, applied, deployed in its old version."""
        shop = Shop(name, self.cluster)
        documents = shop.documents()
        announce = documents[-1]["pipeline"]["stages"][1]["stage"]["spec"]["execution"]["rollbackSteps"][1]["step"]
        announce["spec"]["source"]["spec"]["script"] += (
            f"\necho <+pipeline.executionId> >> {self.directory / 'announced'}\n"
        )
        assert self.unship.apply(shop.yaml(documents)) == []
        self.unship.deploy(name, tag=OLD)
        return shop

    def announced(self, execution: str) -> int:
        """How often the ShellScript of that rollback has run."""
        path = self.directory / "announced"
        return path.read_text().split().count(bare(execution)) if path.exists() else 0

    def announcement_is_on_record(self, execution: str) -> bool:
        """Whether the record says that the ShellScript is done, read from the file of a dead process."""
        with closing(sqlite3.connect(self.directory / "data" / "unship.db")) as database:
            (count,) = database.execute(
                "SELECT count(*) FROM step JOIN stage ON stage.id = step.stage_id "
                "WHERE stage.execution_id = ? AND step.identifier = 'announce' AND step.status = 'SUCCEEDED'",
                (bare(execution),),
            ).fetchone()
        return bool(count)

    def restart(self, course: Course) -> None:
        """Start the server after a kill: what the record says has been announced is not announced again."""
        done = course.execution and self.announcement_is_on_record(course.execution)
        announced = self.announced(course.execution) if done else 0
        super().restart(course)
        assert not done or self.announced(course.execution) == announced


def bare(execution: str) -> str:
    """The database's id of an execution."""
    found = database_id(ID(execution), "Execution")
    assert found is not None
    return found


@contextmanager
def theatre(world: TrappedCluster, directory: Path) -> Generator[Theatre]:
    stage = Theatre(world, directory)
    try:
        yield stage
    finally:
        stage.close()


def assert_log_is_sound(course: Course) -> None:
    """Sequences 1..n as followed over all lives, and no status change twice."""
    sequences = [event["sequence"] for event in course.events]
    assert sequences == list(range(1, len(sequences) + 1)), (course.killed_at, sequences)
    changes = [_change(event) for event in course.events if event["__typename"] != "StepProgressed"]
    assert len(set(changes)) == len(changes), (course.killed_at, changes)


def _change(event: dict[str, Any]) -> tuple[str, str, str]:
    status = event.get("executionStatus") or event.get("stageStatus") or event.get("stepStatus")
    return event.get("stage", {}).get("identifier", ""), event.get("step", {}).get("identifier", ""), str(status)
