"""What must hold of deployments and rollbacks, as a small model of its own: two places, one pipeline over both.

It is written from the documented rules and shares no code with the application. Everything happens at once here;
only an execution that is held, at its first step in `prod`, is under way.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

PLACES = ("staging", "prod")
COPIES = 2

Reasons = set[tuple[str, str]]
"""(code, severity)"""


@dataclass(frozen=True)
class Version:
    """What runs at a place: the image's tag, how many copies, and the release that a ConfigMap beside them names.

    The copies do not read that, so it makes no other version of them.
    """

    image: str
    copies: int
    release: str = field(compare=False)


@dataclass(eq=False)
class Part:
    """A stage of a run: `undoable` where it declared rollbackSteps, `before` and `after` what ran at its place."""

    place: str
    undoable: bool
    status: str = "PENDING"
    before: Version | None = None
    after: Version | None = None
    undoes: Part | None = None
    tries: list[tuple[Run, Part]] = field(default_factory=list["tuple[Run, Part]"])

    @property
    def ran(self) -> bool:
        return self.status == "SUCCEEDED"


@dataclass(eq=False)
class Run:
    """An execution; `original` is the one that a rollback is to undo."""

    number: int
    parts: list[Part]
    original: Run | None = None
    status: str = "RUNNING"

    @property
    def active(self) -> bool:
        return self.status == "RUNNING"

    def part(self, place: str) -> Part:
        return next(part for part in self.parts if part.place == place)

    def __repr__(self) -> str:
        return f"#{self.number}"


@dataclass
class Reference:
    """The world as it must be. `undoable`: whether the pipeline declares rollbackSteps in `prod` at present."""

    undoable: bool = True
    runs: list[Run] = field(default_factory=list[Run])
    live: dict[str, Version | None] = field(default_factory=lambda: dict[str, Version | None].fromkeys(PLACES))
    latest: dict[str, Run] = field(default_factory=dict[str, Run])
    state_of: dict[str, Run] = field(default_factory=dict[str, Run])
    """By place, the run that brought what runs there."""
    stands_at: dict[str, Run] = field(default_factory=dict[str, Run])
    """By place, the run that left it as it is: what comes there of itself, or by hand, counts as its."""
    held: Run | None = None
    held_tag: str = ""

    def holder(self, place: str) -> Run | None:
        held = self.held
        return held if held and any(part.place == place for part in held.parts) else None

    # What happens.

    def deploy(self, tag: str, fails_in: str, hold: bool) -> Run:
        """A run of the pipeline whose check fails in that place; with `hold` it stops before it changes `prod`."""
        parts = [Part("staging", True), Part("prod", self.undoable)]
        run = Run(len(self.runs) + 1, parts)
        self.runs.append(run)
        for part in parts:
            part.status = "RUNNING"
            if hold and part.place == "prod":
                self.held, self.held_tag = run, tag
                return run
            if not self._deploy_part(run, part, tag, fails_in):
                return run
        return self._succeed(run)

    def go_on(self, tag: str, fails_in: str) -> None:
        """What is held goes on to its end."""
        run, self.held = self.held, None
        assert run is not None
        if run.original is not None:
            self._undo(run, sabotaged=False)
        elif self._deploy_part(run, run.part("prod"), tag, fails_in):
            self._succeed(run)

    def abort(self) -> None:
        """What is held ends before it has changed `prod`."""
        run, self.held = self.held, None
        assert run is not None
        run.part("prod").status = "ABORTED"
        if run.original is not None:
            self._stand("prod", run)
        self._leave(run, "ABORTED")

    def roll_back(self, run: Run, places: frozenset[str], sabotaged: bool, hold: bool) -> Run:
        """Undo those parts of the run that ran and that no unfinished try has undone, the last one first."""
        parts = [
            Part(part.place, part.undoable, undoes=part)
            for part in reversed(run.parts)
            if part.place in places and part.ran and not undone_before(part)
        ]
        undo = Run(len(self.runs) + 1, parts, run)
        self.runs.append(undo)
        for part in parts:
            assert part.undoes is not None
            part.undoes.tries.append((undo, part))
        if hold and parts[0].place == "prod":
            parts[0].status, self.held = "RUNNING", undo
        else:
            self._undo(undo, sabotaged)
        return undo

    def change_by_hand(self, place: str, image: str | None, copies: int | None) -> Version:
        """Somebody changes what runs there; what runs there then."""
        now = self.live[place]
        assert now is not None
        changed = replace(now, image=image or now.image, copies=now.copies if copies is None else copies)
        if changed.copies and (changed.image != now.image or not now.copies):
            # What a deployment under way is to bring cannot be told from it when somebody brings it by hand.
            held = self.held if place == "prod" and changed.image == self.held_tag else None
            self.state_of[place] = held if held and held.original is None else self.stands_at[place]
        self.live[place] = changed
        return changed

    def _deploy_part(self, run: Run, part: Part, tag: str, fails_in: str) -> bool:
        part.before = before = self.live[part.place]
        self.live[part.place] = part.after = Version(tag, COPIES, tag)
        runs_already = before is not None and before.copies > 0 and before.image == tag
        if fails_in != part.place or not runs_already or self.state_of.get(part.place) is run:
            self._stand(part.place, run)
        part.status = "FAILED" if fails_in == part.place else "SUCCEEDED"
        if part.status == "FAILED":
            self._leave(run, "FAILED")
        return part.ran

    def _succeed(self, run: Run) -> Run:
        run.status = "SUCCEEDED"
        self.latest.update(dict.fromkeys(PLACES, run))
        return run

    def _undo(self, undo: Run, sabotaged: bool) -> None:
        for part in undo.parts:
            assert part.undoes is not None
            self._stand(part.place, undo)
            if sabotaged and part.place == "staging":
                part.status = "FAILED"
                return self._leave(undo, "FAILED")
            part.status, self.live[part.place] = "SUCCEEDED", part.undoes.before
        undo.status = "SUCCEEDED"
        return None

    def _stand(self, place: str, run: Run) -> None:
        self.state_of[place] = self.stands_at[place] = run

    def _leave(self, run: Run, status: str) -> None:
        run.status = status
        for part in run.parts:
            part.status = "ABANDONED" if part.status == "PENDING" else part.status

    # What is answered.

    def scope_of_instance(self, place: str) -> tuple[Run, frozenset[str]]:
        """An instance stands for the stage that brought it."""
        return self.scope_of(self.state_of[place], place)

    def scope_of(self, run: Run, place: str) -> tuple[Run, frozenset[str]]:
        """A stage stands for itself, but that of an undo which did not get done for what it was to undo."""
        part = run.part(place)
        if part.undoes is not None and part.status in ("FAILED", "ABORTED", "ABANDONED"):
            assert run.original is not None
            return run.original, frozenset({place})
        return run, frozenset({place})

    def reasons(self, run: Run, places: frozenset[str]) -> Reasons:
        """Every reason for or against rolling these places of the run back."""
        parts = [part for part in run.parts if part.place in places]
        found = {code for part in parts for code in self._against(run, part)}
        if run.original is not None:
            found.add("NOT_A_DEPLOYMENT")
        elif run.status != "SUCCEEDED":
            found.add("EXECUTION_NOT_SUCCESSFUL")
        ran = [part for part in parts if part.ran]
        if ran and all(undone_before(part) for part in ran):
            found.add("ALREADY_ROLLED_BACK")
        warnings = {code for part in ran for code in self._warnings(run, part)}
        return {(code, "BLOCKING") for code in found} | {(code, "WARNING") for code in warnings}

    def _against(self, run: Run, part: Part) -> list[str]:
        latest, holder = self.latest.get(part.place), self.holder(part.place)
        forward = run.original is None and part.ran
        own = {run, *(undo for undo, _ in part.tries)}
        conditions = {
            "NOT_LATEST_DEPLOYMENT": latest is not None and latest.number > run.number,
            "NO_ROLLBACK_STEPS": forward and not part.undoable,
            "ALREADY_ROLLED_BACK": any(undo.status == "SUCCEEDED" for undo, _ in part.tries),
            "ROLLBACK_IN_PROGRESS": any(undo.active for undo, _ in part.tries),
            "NO_PREVIOUS_DEPLOYMENT": forward and part.before is None,
            "TARGET_BUSY": holder is not None and holder not in own,
        }
        return [code for code, holds in conditions.items() if holds]

    def _warnings(self, run: Run, part: Part) -> list[str]:
        if run.original is not None or part.before is None:
            return []
        found = ["NO_PREVIOUS_DEPLOYMENT"] if part.before.copies == 0 else []
        superseded = self.latest.get(part.place) is not run
        undone = undone_before(part) or any(undo.status == "SUCCEEDED" for undo, _ in part.tries)
        if run.status != "SUCCEEDED" or superseded or undone:
            return found
        now = self.live[part.place]
        if now != part.after:
            found.append("DRIFT_DETECTED")
        elif now == part.before:
            found.append("NOTHING_TO_CHANGE")
        return found


def undone_before(part: Part) -> bool:
    """Whether a try that did not get done as a whole has undone this part: it is not undone twice."""
    return any(undo.status in ("FAILED", "ABORTED") and tried.ran for undo, tried in part.tries)
