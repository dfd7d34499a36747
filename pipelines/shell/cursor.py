"""The cursor that reads a script, and the constructs it is inside of. Imports the shell commands only."""

import re
from dataclasses import dataclass, field
from enum import Enum

from pipelines.shell.commands import SLOT, is_piped_into_shell, objection, runs_shell

_SAFE_PARAMETER = re.compile(r"[A-Za-z_]\w*(?:\[[^\]]*\])?(?::?[-=?+]|##?|%%?|/[/#%]?|\^\^?|,,?)", re.ASCII)
_SUBSCRIPT = re.compile(r"[A-Za-z_]\w*\[[^\]]*$", re.ASCII)


class ScriptError(Exception):
    """An expression stands where no shell can take a value safely. `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(f"line {line} of the script: {message}")
        self.line = line


class Place(Enum):
    """Where an expression stands, and so how its reference is written."""

    BARE = "BARE"
    DOUBLE_QUOTED = "DOUBLE_QUOTED"
    SINGLE_QUOTED = "SINGLE_QUOTED"
    ARITHMETIC = "ARITHMETIC"


@dataclass(slots=True)
class Slot:
    """One expression's place. `whole_number`: the shell evaluates what stands here, so nothing else is safe."""

    place: Place
    whole_number: bool = False


class Kind(Enum):
    COMMANDS = "COMMANDS"
    DOUBLE = "DOUBLE"
    HERE_DOCUMENT = "HERE_DOCUMENT"
    PARAMETER = "PARAMETER"
    ARITHMETIC = "ARITHMETIC"


@dataclass(slots=True)
class Frame:
    """One open construct. `start` is where its text begins, `command` where its present simple command does."""

    kind: Kind
    start: int
    closer: str = ""
    quoted: bool = False
    brackets: int = 0
    cases: int = 0
    command: int = 0
    word: int = 0
    test: tuple[int, int] | None = None
    documents: list[tuple[str, bool, bool]] = field(default_factory=list[tuple[str, bool, bool]])


class Cursor:
    """A position with a stack of open constructs, and what can stand in more than one of them."""

    def __init__(self, text: str, at: int, end: int) -> None:
        self.text = text
        self.at = at
        self.end = end
        self.slots: list[Slot] = []
        self.stack: list[Frame] = []

    def escape_or_expansion(self, *, quoted: bool) -> None:
        """Pass a backslash with what it escapes, or enter an expansion."""
        text, at = self.text, self.at
        following = text[at + 1 : at + 2]
        if text[at] == "`":
            self._backticks()
        elif following == SLOT:
            raise self.error(f'an expression cannot follow "{text[at]}" directly; remove it, or quote it before')
        elif text[at] == "\\":
            self.at += 2
        elif following == "'" and not quoted:
            self._ansi_quoted()
        elif text.startswith("$((", at):
            self.push(Kind.ARITHMETIC, 3, "))")
        elif following == "(":
            self.push(Kind.COMMANDS, 2, ")")
        elif following == "{":
            self.push(Kind.PARAMETER, 2, "}", quoted=quoted)
        elif following == "[":
            self.push(Kind.ARITHMETIC, 2, "]")
        else:
            self.at += 2 if following and following in "$!#@*?-_" else 1

    def _backticks(self) -> None:
        end = self.at + 1
        while end < self.end and self.text[end] != "`":
            end += 2 if self.text[end] == "\\" else 1
        if SLOT in self.text[self.at : end]:
            raise self.error("an expression cannot be inside backticks; write $( ) in their place")
        self.at = end + 1

    def _ansi_quoted(self) -> None:
        end = self.at + 2
        while end < self.end and self.text[end] != "'":
            end += 2 if self.text[end] == "\\" else 1
        if SLOT in self.text[self.at : end]:
            raise self.error("an expression cannot be inside $' '; end the quote before it")
        self.at = end + 1

    def slot(self, place: Place, *, whole_number: bool = False) -> None:
        """Take the expression at the cursor. Raises ScriptError when something around it would read it as code."""
        for frame in self.stack:
            inside = self.text[frame.start : self.at]
            if frame.kind is Kind.PARAMETER and _SAFE_PARAMETER.match(inside) is None:
                raise self.error("inside ${ } a value is safe only after an operator such as :- ; assign it first")
            if frame.kind is Kind.ARITHMETIC:
                whole_number = True
            if frame.kind is Kind.COMMANDS:
                self._check_command(frame)
                whole_number = whole_number or _SUBSCRIPT.match(self.text[frame.word : self.at]) is not None
        self.slots.append(Slot(place, whole_number))
        self.at += 1

    def _check_command(self, frame: Frame) -> None:
        command = self.text[frame.command : self.at + 1]
        problem = objection(command)
        is_inner = self.stack[-1] is not frame
        if problem is None and is_piped_into_shell(self.text, frame.command):
            problem = "a shell would read this output as code"
        if problem is None and is_inner and runs_shell(command) and re.search(r"<\([^)]*$", command):
            problem = "a shell would read this output as code"
        if problem is not None:
            raise self.error(problem)

    def push(self, kind: Kind, length: int, closer: str, *, quoted: bool = False) -> None:
        """Enter a construct whose opening has `length` characters."""
        self.at += length
        self.stack.append(Frame(kind, self.at, closer, quoted, command=self.at, word=self.at))

    def find(self, char: str, start: int, message: str) -> int:
        """Where the next `char` is; the end, when nothing that matters follows."""
        found = self.text.find(char, start, self.end)
        if found >= 0:
            return found
        if SLOT in self.text[start : self.end]:
            raise self.error(message)
        return self.end

    def error(self, message: str, at: int | None = None) -> ScriptError:
        """A ScriptError that names the line of the cursor, or of `at`."""
        return ScriptError(message, self.text.count("\n", 0, self.at if at is None else at) + 1)
