"""Finds in which kind of shell text each expression of a script stands. Imports the shell commands only.

Knows quotes, substitutions, arithmetic, parameters, comments and here-documents of bash and POSIX sh; where a
shell cannot take a value safely it says so, rather than guessing.
"""

import re
from dataclasses import dataclass, field
from enum import Enum

from pipelines.shell_commands import SLOT, is_piped_into_shell, objection, runs_shell

_SAFE_PARAMETER = re.compile(r"[A-Za-z_]\w*(?:\[[^\]]*\])?(?::?[-=?+]|##?|%%?|/[/#%]?|\^\^?|,,?)", re.ASCII)
_SUBSCRIPT = re.compile(r"[A-Za-z_]\w*\[[^\]]*$", re.ASCII)
_TEST_ARITHMETIC = re.compile(r"\s-(?:eq|ne|lt|le|gt|ge|v)\s")
_DELIMITER = re.compile(r"<<(-?)[ \t]*((?:[^\s;&|<>()'\"\\]|'[^'\n]*'|\"[^\"\n]*\"|\\.)+)")


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


class _Kind(Enum):
    COMMANDS = "COMMANDS"
    DOUBLE = "DOUBLE"
    HERE_DOCUMENT = "HERE_DOCUMENT"
    PARAMETER = "PARAMETER"
    ARITHMETIC = "ARITHMETIC"


@dataclass(slots=True)
class _Frame:
    """One open construct. `start` is where its text begins, `command` where its present simple command does."""

    kind: _Kind
    start: int
    closer: str = ""
    quoted: bool = False
    brackets: int = 0
    cases: int = 0
    command: int = 0
    word: int = 0
    test: tuple[int, int] | None = None
    documents: list[tuple[str, bool, bool]] = field(default_factory=list[tuple[str, bool, bool]])


def slots_of(script: str) -> list[Slot]:
    """The place of every SLOT character in the script, in order. Raises ScriptError."""
    lexer = _Lexer(script, 0, len(script))
    lexer.run(_Frame(_Kind.COMMANDS, 0))
    return lexer.slots


class _Lexer:
    """A cursor with a stack of open constructs; never recurses but for the bodies of here-documents."""

    def __init__(self, text: str, at: int, end: int) -> None:
        self.text = text
        self.at = at
        self.end = end
        self.slots: list[Slot] = []
        self._stack: list[_Frame] = []

    def run(self, frame: _Frame) -> None:
        frame.command = frame.word = self.at
        self._stack = [frame]
        steps = {
            _Kind.COMMANDS: self._in_commands,
            _Kind.DOUBLE: self._in_quotes,
            _Kind.HERE_DOCUMENT: self._in_quotes,
            _Kind.PARAMETER: self._in_parameter,
            _Kind.ARITHMETIC: self._in_arithmetic,
        }
        while self.at < self.end:
            steps[self._stack[-1].kind](self._stack[-1])

    # Each step reads at least one character.

    def _in_commands(self, frame: _Frame) -> None:
        char = self.text[self.at]
        if char == SLOT:
            self._bare_slot(frame)
        elif char == "'":
            self._single_quoted()
        elif char == '"':
            self._push(_Kind.DOUBLE, 1, '"')
        elif char in "\\`$":
            self._escape_or_expansion(quoted=False)
        elif char == "#" and self.at == frame.word:
            self._comment()
        elif char in "<>" and self._redirection(frame):
            pass
        elif char in "()":
            self._bracket(frame, char)
        else:
            self._plain(frame, char)

    def _plain(self, frame: _Frame, char: str) -> None:
        if char.isspace() or char in ";&|":
            self._end_word(frame)
        self.at += 1
        if char.isspace() or char in ";&|":
            frame.word = self.at
        if char in ";&|\n" and frame.test is None:
            frame.command = self.at
        if char == "\n" and frame.documents:
            self._here_documents(frame)

    def _end_word(self, frame: _Frame) -> None:
        word = self.text[frame.word : self.at]
        if word == "case":
            frame.cases += 1
        elif word == "esac":
            frame.cases = max(0, frame.cases - 1)
        elif word == "[[" and frame.test is None:
            frame.test = (frame.word, len(self.slots))
        elif word == "]]" and frame.test is not None:
            begin, first = frame.test
            if _TEST_ARITHMETIC.search(self.text[begin : self.at]):
                for slot in self.slots[first:]:
                    slot.whole_number = True
            frame.test = None

    def _bracket(self, frame: _Frame, char: str) -> None:
        if char == "(" and self.text.startswith("((", self.at) and self.at == frame.word:
            self._push(_Kind.ARITHMETIC, 2, "))")
            return
        self._end_word(frame)
        if char == "(":
            frame.brackets += 1
        elif frame.brackets > 0:
            frame.brackets -= 1
        elif frame.closer and frame.cases == 0:
            self._stack.pop()
            self.at += 1
            return
        self.at += 1
        frame.word = self.at
        if frame.test is None and not _is_array(self.text, self.at - 1):
            frame.command = self.at

    def _bare_slot(self, frame: _Frame) -> None:
        word = self.text[frame.word : self.at]
        if _SUBSCRIPT.match(word):
            self._slot(Place.ARITHMETIC, whole_number=True)
            return
        self._slot(Place.BARE)

    def _single_quoted(self) -> None:
        end = self._find("'", self.at + 1, "a single quote is never closed")
        for _ in range(self.text.count(SLOT, self.at, end)):
            self._check_command()
            self.slots.append(Slot(Place.SINGLE_QUOTED))
        self.at = end + 1

    def _comment(self) -> None:
        end = self.text.find("\n", self.at, self.end)
        end = self.end if end < 0 else end
        for _ in range(self.text.count(SLOT, self.at, end)):
            self.slots.append(Slot(Place.DOUBLE_QUOTED))
        self.at = end

    def _redirection(self, frame: _Frame) -> bool:
        if self.text.startswith("<<<", self.at):
            self.at += 3
        elif self.text.startswith(("<(", ">("), self.at):
            self._push(_Kind.COMMANDS, 2, ")")
        elif (found := _DELIMITER.match(self.text, self.at, self.end)) is not None:
            self._announce_document(frame, found)
        else:
            return False
        return True

    def _announce_document(self, frame: _Frame, found: re.Match[str]) -> None:
        spelled = found[2]
        if SLOT in spelled:
            raise self._error("an expression cannot be the end mark of a here-document")
        delimiter = re.sub(r"['\"\\]", "", spelled)
        frame.documents.append((delimiter, bool(found[1]), delimiter != spelled))
        self.at = found.end()

    def _here_documents(self, frame: _Frame) -> None:
        begin = self.text.rfind("\n", 0, self.at - 1) + 1
        line = self.text[begin : self.at]
        for delimiter, tabs, is_quoted in frame.documents:
            start = self.at
            end, self.at = _document_end(self.text, start, self.end, delimiter, strip_tabs=tabs)
            if SLOT not in self.text[start:end]:
                continue
            if is_quoted:
                raise self._error(
                    f"a quoted here-document takes no value; write <<{delimiter} without quotes", start
                )
            if is_piped_into_shell(line) or any(runs_shell(part) for part in re.split(r"[;&|]", line)):
                raise self._error("a shell would read this here-document as code", start)
            body = _Lexer(self.text, start, end)
            body.run(_Frame(_Kind.HERE_DOCUMENT, start, quoted=True))
            self.slots += body.slots
        frame.documents.clear()
        frame.command = frame.word = self.at

    def _in_quotes(self, frame: _Frame) -> None:
        char = self.text[self.at]
        if char == SLOT:
            self._slot(Place.DOUBLE_QUOTED)
        elif char == frame.closer:
            self._stack.pop()
            self.at += 1
        elif char in "\\`$":
            self._escape_or_expansion(quoted=True)
        else:
            self.at += 1

    def _in_parameter(self, frame: _Frame) -> None:
        char = self.text[self.at]
        if char == SLOT:
            if _SAFE_PARAMETER.match(self.text[frame.start : self.at]) is None:
                raise self._error(
                    "inside ${ } a value is safe only after an operator such as :- ; assign it first"
                )
            self._slot(Place.DOUBLE_QUOTED if frame.quoted else Place.BARE)
        elif char == "}":
            self._stack.pop()
            self.at += 1
        elif char == "'" and not frame.quoted:
            end = self._find("'", self.at + 1, "a single quote is never closed")
            if SLOT in self.text[self.at : end]:
                raise self._error("inside ${ } an expression cannot be in single quotes")
            self.at = end + 1
        elif char == '"':
            self._push(_Kind.DOUBLE, 1, '"')
        elif char in "\\`$":
            self._escape_or_expansion(quoted=frame.quoted)
        else:
            self.at += 1

    def _in_arithmetic(self, frame: _Frame) -> None:
        char = self.text[self.at]
        if char == SLOT:
            self._slot(Place.ARITHMETIC, whole_number=True)
        elif char == "(":
            frame.brackets += 1
            self.at += 1
        elif frame.brackets == 0 and self.text.startswith(frame.closer, self.at):
            self._stack.pop()
            self.at += len(frame.closer)
        elif char == ")":
            frame.brackets = max(0, frame.brackets - 1)
            self.at += 1
        elif char in "\\`$":
            self._escape_or_expansion(quoted=True)
        else:
            self.at += 1

    def _escape_or_expansion(self, *, quoted: bool) -> None:
        text, at = self.text, self.at
        following = text[at + 1 : at + 2]
        if text[at] == "`":
            self._backticks()
        elif following == SLOT:
            raise self._error(f'an expression cannot follow "{text[at]}" directly; remove it, or quote it before')
        elif text[at] == "\\":
            self.at += 2
        elif following == "'" and not quoted:
            self._ansi_quoted()
        elif text.startswith("$((", at):
            self._push(_Kind.ARITHMETIC, 3, "))")
        elif following == "(":
            self._push(_Kind.COMMANDS, 2, ")")
        elif following == "{":
            self._push(_Kind.PARAMETER, 2, "}", quoted=quoted)
        elif following == "[":
            self._push(_Kind.ARITHMETIC, 2, "]")
        else:
            self.at += 2 if following and following in "$!#@*?-_" else 1

    def _backticks(self) -> None:
        end = self.at + 1
        while end < self.end and self.text[end] != "`":
            end += 2 if self.text[end] == "\\" else 1
        if SLOT in self.text[self.at : end]:
            raise self._error("an expression cannot be inside backticks; write $( ) in their place")
        self.at = end + 1

    def _ansi_quoted(self) -> None:
        end = self.at + 2
        while end < self.end and self.text[end] != "'":
            end += 2 if self.text[end] == "\\" else 1
        if SLOT in self.text[self.at : end]:
            raise self._error("an expression cannot be inside $' '; end the quote before it")
        self.at = end + 1

    def _slot(self, place: Place, *, whole_number: bool = False) -> None:
        self._check_command()
        self.slots.append(Slot(place, whole_number))
        self.at += 1

    def _check_command(self) -> None:
        """No construct around the expression hands its text to a command that reads it as code."""
        for frame in self._stack:
            if frame.kind is not _Kind.COMMANDS:
                continue
            command = self.text[frame.command : self.at + 1]
            problem = objection(command)
            line_end = self.text.find("\n", self.at, self.end)
            line = self.text[frame.command : self.end if line_end < 0 else line_end]
            if problem is None and is_piped_into_shell(line):
                problem = "a shell would read this output as code"
            inner = self._stack[-1] is not frame
            if problem is None and inner and runs_shell(command) and re.search(r"<\([^)]*$", command):
                problem = "a shell would read this output as code"
            if problem is not None:
                raise self._error(problem)

    def _push(self, kind: _Kind, length: int, closer: str, *, quoted: bool = False) -> None:
        self.at += length
        self._stack.append(_Frame(kind, self.at, closer, quoted, command=self.at, word=self.at))

    def _find(self, char: str, start: int, message: str) -> int:
        found = self.text.find(char, start, self.end)
        if found >= 0:
            return found
        if SLOT in self.text[start : self.end]:
            raise self._error(message)
        return self.end

    def _error(self, message: str, at: int | None = None) -> ScriptError:
        return ScriptError(message, self.text.count("\n", 0, self.at if at is None else at) + 1)


def _is_array(text: str, at: int) -> bool:
    """Whether the bracket at `at` opens or closes a list of values, as in `names=(a b)`, and not a command."""
    return text[:at].endswith("=")


def _document_end(text: str, start: int, end: int, delimiter: str, *, strip_tabs: bool) -> tuple[int, int]:
    """Where the body that begins at `start` ends, and where the text after its end mark begins."""
    at = start
    while at < end:
        newline = text.find("\n", at, end)
        stop = end if newline < 0 else newline
        line = text[at:stop]
        if (line.lstrip("\t") if strip_tabs else line) == delimiter:
            return at, min(stop + 1, end)
        at = stop + 1
    return end, end
