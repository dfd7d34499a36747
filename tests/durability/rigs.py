"""A rig of the crash matrix: one installation on one platform, and runs of killed rollbacks in it."""

from __future__ import annotations

import itertools
import random
import re
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sandbox.core.requests import RequestRecord
from tests.durability.drawing import Drawn, Rehearsed, draw
from tests.durability.fuses import Visit
from tests.durability.ordeals import Course, Kill, Ordeal, assert_log_is_sound
from tests.durability.points import AT_PLATFORM, CHANGING, Point
from tests.durability.scenes import PIPELINE, SCENES, Scene
from tests.durability.traps import AGENT
from tests.support.postgres import PostgresServer

OLD, NEW = "old", "new"
DATABASES = ("sqlite", "postgres")
# A server that was killed is alone on its database, and is missed for a lease.
_LEASE_SECONDS = "1"
# Where branches had gone further than in the rehearsal, less is left to be done after a crash, and a kill may have
# been drawn at a point that the recovery does not pass any more. Such a run proves nothing and is drawn again.
_DRAWS = 3


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix. `again`: killed a second time, while it recovers from the first."""

    platform: str
    database: str
    shape: str
    point: Point
    again: bool

    def __str__(self) -> str:
        return f"{self.platform} {self.database} {self.shape} {self.point}{' again' if self.again else ''}"


@dataclass
class Verdict:
    """What came of a cell. Effects are counted in words of the platform; `absorbed` are requests of the disturbed
    rollback that came on top, and that the platform recognised or refused."""

    cell: Cell
    with_children: bool = False
    """What the server had started was killed with it."""
    drawn: Sequence[Drawn] = ()
    missed: Sequence[Kill] = ()
    """Kills of the last draw that did not come."""
    fired: int = 0
    expected: Counter[str] = field(default_factory=Counter[str])
    applied: Counter[str] = field(default_factory=Counter[str])
    absorbed: int = 0
    seconds: float = 0.0
    failure: str = ""

    @property
    def lost(self) -> Counter[str]:
        return self.expected - self.applied

    @property
    def duplicated(self) -> Counter[str]:
        return self.applied - self.expected


class Rig(Ordeal):
    """An installation with a scene's pipeline, deployed in its old version and rehearsed."""

    def __init__(self, scene: Scene, shape: str, settings: Mapping[str, str]) -> None:
        configuration = scene.prepare(shape)
        super().__init__(scene.world, scene.directory, settings)
        self._scene = scene
        self._keys = itertools.count(1)
        self.unship.apply_file(configuration)
        self.unship.deploy(PIPELINE, version=OLD)
        self._settled = len(self.world.effects)
        self._before = Counter(scene.platform.running())
        self._rehearsed = self._rehearse()

    def close(self) -> None:
        super().close()
        self._scene.platform.close()

    def run(self, cell: Cell, seed: int, *then: Point) -> Verdict:
        """One rollback with kills at the cell's point, and `then` at others that are not left to chance.

        What went wrong is in the verdict.
        """
        chance = random.Random(f"{seed} {cell}")
        by_proxy = self._scene.by_proxy
        self.with_children = by_proxy and chance.random() < 0.5
        verdict = Verdict(cell, with_children=self.with_children, expected=self._rehearsed.effects)
        began = time.monotonic()
        try:
            again = [{one} for one in then] or [set(Point)] * cell.again
            for _ in range(_DRAWS):
                verdict.drawn = draw(cell.point, again, self._rehearsed, chance, by_proxy=by_proxy)
                verdict.missed = self._disturbed(verdict)
                if not verdict.missed:
                    break
            assert not verdict.missed, f"never came to {verdict.missed[0]}"
        except Exception:
            verdict.failure = f"{traceback.format_exc()}\n{self.unship.log[-3000:]}"
        verdict.seconds = time.monotonic() - began
        return verdict

    def _disturbed(self, verdict: Verdict) -> Sequence[Kill]:
        """The kills that did not come; what must hold holds with them or without them."""
        deployment = self._deployed()
        effects, requests = len(self.world.effects), self.world.requests.mark
        # Later on, what a killed server has left behind may still be sending.
        agents = (self._scene.platform.agent, *[AGENT] * len(verdict.drawn))
        kills = [one.kill(agent) for one, agent in zip(verdict.drawn, agents, strict=False)]
        course = Course()
        try:
            course = self.suffer(partial(self._accepted, deployment, f"undo-{next(self._keys)}"), kills)
        finally:
            self._settled = len(self.world.effects)
            verdict.fired = len(course.killed_at)
            verdict.applied = Counter(self._scene.effects(effects))
            verdict.absorbed = max(0, len(self._vain(requests)) - self._rehearsed.vain)
        self._assert_rolled_back(deployment, course)
        assert (verdict.lost, verdict.duplicated) == (Counter(), Counter()), course.killed_at
        return course.missed

    def _deployed(self) -> str:
        assert len(self.world.effects) == self._settled, f"late effects: {self._scene.effects(self._settled)}"
        deployment = self.unship.deploy(PIPELINE, version=NEW)
        assert Counter(self._scene.platform.running()) == Counter({NEW: self._before.total()})
        return deployment

    def _accepted(self, deployment: str, key: str) -> str:
        payload = self.unship.roll_back(target={"executionId": deployment}, idempotencyKey=key)
        assert payload["userErrors"] == [], payload
        execution: str = payload["execution"]["id"]
        return execution

    def _assert_rolled_back(self, deployment: str, course: Course) -> None:
        assert course.status == "SUCCEEDED", (course, self.unship.execution(course.execution))
        assert_log_is_sound(course)
        assert len(self.unship.events(course.execution)) == len(course.events)
        assert Counter(self._scene.platform.running()) == self._before
        assert self._scene.unsettled() == []
        assert [one["id"] for one in self.unship.execution(deployment)["rollbacks"]] == [course.execution]
        # However often it was killed: what it did is not told as nothing to do.
        stages = self.unship.execution(course.execution)["stages"]
        assert {stage["status"] for stage in stages} == {"SUCCEEDED"}, stages

    def _rehearse(self) -> Rehearsed:
        deployment = self._deployed()
        effects, requests, visits = len(self.world.effects), self.world.requests.mark, len(self.fuses.visits)
        course = self.suffer(partial(self._accepted, deployment, "rehearsal"), [])
        self._settled = len(self.world.effects)
        self._assert_rolled_back(deployment, course)
        found = [
            *self.fuses.visits[visits:],
            *(Visit(event["read"], Point.AFTER_PUBLISH) for event in course.events),
            *(visit for record in self.world.requests.since(requests) for visit in self._visits(record)),
        ]
        found.sort(key=lambda visit: visit.at)
        return Rehearsed(found, Counter(self._scene.effects(effects)), len(self._vain(requests)))

    def _visits(self, record: RequestRecord) -> list[Visit]:
        if not re.search(self._scene.platform.agent, record.user_agent) or not re.search(
            CHANGING, record.operation
        ):
            return []
        return [Visit(record.time, point) for point, (_, writes) in AT_PLATFORM.items() if writes is record.writes]

    def _vain(self, mark: int) -> list[RequestRecord]:
        """Requests after `mark` that came through to the platform, could have changed something, and did not."""
        changed = {record.sequence for record in self.world.effects}
        return [
            record
            for record in self.world.requests.writes(mark)
            if record.effect is not None and record.sequence not in changed and self._is_ours(record)
        ]

    def _is_ours(self, record: RequestRecord) -> bool:
        """Sent by Unship or for it, and no trial."""
        agent = self._scene.platform.agent
        return bool(re.search(agent, record.user_agent) and re.search(CHANGING, record.operation))


@contextmanager
def rig(postgres: PostgresServer, platform: str, database: str, shape: str) -> Generator[Rig]:
    """A rig of its own: world, server and database."""
    with tempfile.TemporaryDirectory(prefix="unship-matrix-") as scratch, postgres.fresh_database() as url:
        settings = {"UNSHIP_DATABASE_URL": url, "UNSHIP_LEASE_SECONDS": _LEASE_SECONDS}
        scene = SCENES[platform](Path(scratch))
        with closing(Rig(scene, shape, settings if database == "postgres" else {})) as found:
            yield found
