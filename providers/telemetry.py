"""What this process tells its operator: counts, kept where things happen, and facts beside the text of a log line.

Each floor keeps its own tallies as constants of its modules, as it does with its loggers; the server shows them.
Counting is an update of a dict. Labels come from closed sets, never from ids or from what a caller wrote.
Imports nothing of the project.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

Fact = str | int | float | bool | None

# The execution that the code at hand runs for: every log line then names it, whoever writes it.
CURRENT_EXECUTION: ContextVar[str | None] = ContextVar("current_execution", default=None)


def facts(**known: Fact) -> dict[str, Mapping[str, Fact]]:
    """Facts of a log line, for the `extra` of a logging call; those without a value are left out."""
    return {"facts": {name: value for name, value in known.items() if value is not None}}


@dataclass(frozen=True)
class Tally:
    """Something that is counted, by the values of its labels; what can go down again is counted back."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    counts: Counter[tuple[str, ...]] = field(default_factory=Counter[tuple[str, ...]])

    def add(self, *values: str, by: int = 1) -> None:
        self.counts[values] += by


@dataclass
class Measured:
    """How many values fell below each bound but not below the one before it, and the sum of all."""

    counts: list[int]
    total: float = 0.0


@dataclass(frozen=True)
class Spread:
    """Durations in seconds, by the values of the labels. `bounds` ascend; what is longer than the last counts."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...]
    measured: dict[tuple[str, ...], Measured] = field(default_factory=dict[tuple[str, ...], Measured])

    def add(self, seconds: float, *values: str) -> None:
        found = self.measured.get(values)
        if found is None:
            found = self.measured[values] = Measured([0] * (len(self.bounds) + 1))
        found.counts[bisect_left(self.bounds, seconds)] += 1
        found.total += seconds


PLATFORM_REQUESTS = Tally(
    "unship_platform_requests_total",
    "Requests to platforms, by the type of the connector and the class of the status; none: no answer came.",
    ("platform", "code"),
)


COMMANDS = Tally(
    "unship_commands_total",
    "Commands that have ended, by what was run and how it ended: ok, failed; none: not started, or stopped.",
    ("program", "outcome"),
)


def count_answer(platform: str, status: int | None) -> None:
    """A request to a platform has ended, with this HTTP status, or with None where no answer came."""
    PLATFORM_REQUESTS.add(platform, "none" if status is None else f"{status // 100}xx")
