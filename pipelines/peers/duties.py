"""Decides what a process has to do about the executions under way, from who carries them and who lives. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

# The others get the rest: what a dead process carried is spread over the living ones.
_TAKEN_AT_ONCE = 20


@dataclass(frozen=True)
class Carried:
    """An execution and who carries it; None where nobody has claimed it yet."""

    id: str
    executor_id: str | None
    created_at: datetime
    ended: bool = False


@dataclass(frozen=True)
class Member:
    """A process that has shown a sign of life; `young` where that is not older than the lease."""

    id: str
    young: bool


@dataclass(frozen=True)
class Duties:
    """`own` executions must have a task here, `superseded` ones must not; what may be taken, by former carrier."""

    own: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    takeable: Mapping[str | None, tuple[str, ...]] = field(default_factory=dict[str | None, tuple[str, ...]])
    leads: bool = False


@dataclass(frozen=True)
class Situation:
    """What one process sees: `running` are its tasks, `executions` those and all that are under way.

    Read in this order: its tasks, the executions, the members. So nobody's first claim looks orphaned.
    """

    me: str
    running: Collection[str]
    executions: Sequence[Carried]
    members: Sequence[Member]
    settled_before: datetime
    may_judge: bool


def duties(seen: Situation) -> Duties:
    """What the process at hand has to do now."""
    living = {member.id for member in seen.members if member.young or not seen.may_judge}
    young = [member.id for member in seen.members if member.young]
    own: list[str] = []
    superseded: list[str] = []
    takeable: dict[str | None, list[str]] = {}
    for execution in seen.executions:
        if execution.executor_id == seen.me:
            if not execution.ended and execution.created_at < seen.settled_before:
                own.append(execution.id)
        elif execution.id in seen.running:
            # Taken only when its old task here has ended, which knows an older state of it.
            superseded.append(execution.id)
        elif not execution.ended and _orphaned(execution, living, seen.settled_before):
            takeable.setdefault(execution.executor_id, []).append(execution.id)
    return Duties(
        tuple(own),
        tuple(superseded),
        {former: tuple(ids[:_TAKEN_AT_ONCE]) for former, ids in takeable.items()},
        # The oldest: identifiers begin with the time.
        leads=bool(young) and min(young) == seen.me,
    )


def _orphaned(execution: Carried, living: Collection[str], settled_before: datetime) -> bool:
    if execution.executor_id is None:
        return execution.created_at < settled_before
    return execution.executor_id not in living
