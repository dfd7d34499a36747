"""What can be wrong with a configuration, as data that names the place and the remedy.

Imports nothing of the project.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

PathPart = str | int
Path = tuple[PathPart, ...]

_SHOWN_VALUE = 80
_SHOWN_PROBLEMS = 10
_COMPARED = 300


class ProblemCode(StrEnum):
    """Every kind of complaint about a configuration document."""

    EMPTY = "EMPTY"
    YAML_SYNTAX = "YAML_SYNTAX"
    YAML_LIMIT = "YAML_LIMIT"
    YAML_FORBIDDEN = "YAML_FORBIDDEN"
    DUPLICATE_KEY = "DUPLICATE_KEY"
    UNKNOWN_KEY = "UNKNOWN_KEY"
    MISSING_KEY = "MISSING_KEY"
    WRONG_TYPE = "WRONG_TYPE"
    INVALID_VALUE = "INVALID_VALUE"
    UNKNOWN_REFERENCE = "UNKNOWN_REFERENCE"
    DUPLICATE_IDENTIFIER = "DUPLICATE_IDENTIFIER"
    MISMATCHED_REFERENCE = "MISMATCHED_REFERENCE"
    INVALID_EXPRESSION = "INVALID_EXPRESSION"
    UNSUPPORTED_STEP = "UNSUPPORTED_STEP"
    STAGE_ROLLBACK_IN_ROLLBACK_STEPS = "STAGE_ROLLBACK_IN_ROLLBACK_STEPS"
    SCRIPTS_DISABLED = "SCRIPTS_DISABLED"
    NO_ROLLBACK_STEPS = "NO_ROLLBACK_STEPS"
    PERMISSION_DENIED = "PERMISSION_DENIED"


@dataclass(frozen=True, slots=True)
class Problem:
    """One complaint, or one warning about what was applied all the same.

    `document`, `line` (in the whole input) and `column` count from 1; `path` leads to the value in the document.
    `input` is which of several inputs, from 0.
    """

    code: ProblemCode
    message: str
    document: int
    line: int
    column: int
    path: Path = ()
    input: int = 0

    def __str__(self) -> str:
        place = f"document {self.document}, line {self.line}, column {self.column}"
        where = f"{place}, {path_text(self.path)}" if self.path else place
        return f"{where}: {self.message}"


class ConfigurationProblems(Exception):
    """A configuration was refused as a whole; `problems` holds every complaint, in order of position."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(problems)
        shown = [str(problem) for problem in self.problems[:_SHOWN_PROBLEMS]]
        rest = len(self.problems) - len(shown)
        super().__init__("\n".join([*shown, *([f"and {rest} more"] if rest > 0 else [])]))


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems by their position in the inputs."""
    return tuple(
        sorted(problems, key=lambda problem: (problem.input, problem.document, problem.line, problem.column))
    )


def path_text(path: Path) -> str:
    """`("pipeline", "stages", 0)` as `pipeline.stages[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{shown(part)}" if text else shown(part)
    return text


def shown(value: str) -> str:
    """A foreign value made fit for a one-line message: shortened, unprintable characters escaped."""
    text = value if len(value) <= _SHOWN_VALUE else value[:_SHOWN_VALUE] + "..."
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word most like `word` (1.0 is equal), or None when nothing is near. Case is forgiven."""
    # Comparing is slow: of many candidates only those that begin alike are looked at.
    likely = sorted(known, key=lambda candidate: candidate[:1].lower() != word[:1].lower())[:_COMPARED]
    by_lower = {candidate.lower(): candidate for candidate in likely}
    found = difflib.get_close_matches(word[:_SHOWN_VALUE].lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: the nearest known one, else the short list of all."""
    words = sorted(known)
    near = nearest(word, words)
    if near is not None:
        return f'; did you mean "{shown(near)}"?'
    if not words:
        return ""
    listed = ", ".join(shown(candidate) for candidate in words[:12])
    return f"; known: {listed}{', ...' if len(words) > 12 else ''}"
