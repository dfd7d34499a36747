"""Finds in which kind of shell text each expression of a script stands. Imports the cursor and the commands.

Knows quotes, substitutions, arithmetic, parameters, comments and here-documents of bash and POSIX sh; where a
shell cannot take a value safely it says so, rather than guessing.
"""

import re

from pipelines.shell.commands import SLOT, command_words, is_piped_into_shell, runs_shell
from pipelines.shell.cursor import Cursor, Frame, Kind, Place, Slot

_KEYWORDS = frozenset({"case", "esac", "[[", "]]"})
_TEST_ARITHMETIC = re.compile(r"\s-(?:eq|ne|lt|le|gt|ge|v)\s")
_DELIMITER = re.compile(r"<<(-?)[ \t]*((?:[^\s;&|<>()'\"\\]|'[^'\n]*'|\"[^\"\n]*\"|\\.)+)")


def slots_of(script: str) -> list[Slot]:
    """The place of every SLOT character in the script, in order. Raises ScriptError."""
    lexer = _Lexer(script, 0, len(script))
    lexer.run([Frame(Kind.COMMANDS, 0)])
    return lexer.slots


class _Lexer(Cursor):
    """One step per kind of construct, each of which reads at least one character."""

    def run(self, stack: list[Frame]) -> None:
        """Read to the end, inside of these constructs."""
        self.stack = stack
        steps = {
            Kind.COMMANDS: self._in_commands,
            Kind.DOUBLE: self._in_quotes,
            Kind.HERE_DOCUMENT: self._in_quotes,
            Kind.PARAMETER: self._in_parameter,
            Kind.ARITHMETIC: self._in_arithmetic,
        }
        while self.at < self.end:
            steps[self.stack[-1].kind](self.stack[-1])
        self._end_word(self.stack[-1])

    def _in_commands(self, frame: Frame) -> None:
        char = self.text[self.at]
        if char == SLOT:
            self.slot(_bare_place(self.text[frame.word : self.at]))
        elif char == "'":
            self._single_quoted()
        elif char == '"':
            self.push(Kind.DOUBLE, 1, '"')
        elif char in "\\`$":
            self.escape_or_expansion(quoted=False)
        elif char == "#" and self.at == frame.word:
            self._comment()
        elif char in "<>" and self._redirection(frame):
            pass
        elif char in "()":
            self._bracket(frame, char)
        else:
            self._plain(frame, char)

    def _plain(self, frame: Frame, char: str) -> None:
        if char.isspace() or char in ";&|":
            self._end_word(frame)
        self.at += 1
        if char.isspace() or char in ";&|":
            frame.word = self.at
        if char == "\n" and frame.documents:
            self._here_documents(frame)
        if char in ";&|\n" and frame.test is None and not self._is_redirection():
            frame.command = self.at

    def _is_redirection(self) -> bool:
        """Whether the ampersand just read belongs to `>&`, `<&` or `&>`."""
        return self.text[self.at - 2 : self.at] in {">&", "<&"} or self.text[self.at - 1 : self.at + 1] == "&>"

    def _end_word(self, frame: Frame) -> None:
        word = self.text[frame.word : self.at]
        if word not in _KEYWORDS:
            return
        is_first = not command_words(self.text[frame.command : frame.word])
        if word == "case" and is_first:
            frame.cases += 1
        elif word == "esac":
            frame.cases = max(0, frame.cases - 1)
        elif word == "[[" and is_first and frame.test is None:
            frame.test = (frame.word, len(self.slots))
        elif word == "]]" and frame.test is not None:
            begin, first = frame.test
            if _TEST_ARITHMETIC.search(self.text[begin : self.at]):
                for slot in self.slots[first:]:
                    slot.whole_number = True
            frame.test = None

    def _bracket(self, frame: Frame, char: str) -> None:
        if char == "(" and self.text.startswith("((", self.at) and self.at == frame.word:
            self.push(Kind.ARITHMETIC, 2, "))")
            return
        self._end_word(frame)
        if char == "(":
            frame.brackets += 1
        elif frame.brackets > 0:
            frame.brackets -= 1
        elif frame.closer and frame.cases == 0:
            self.stack.pop()
            self.at += 1
            return
        self.at += 1
        frame.word = self.at
        if frame.test is None and not _is_array(self.text, self.at - 1):
            frame.command = self.at

    def _single_quoted(self) -> None:
        end = self.find("'", self.at + 1, "a single quote is never closed")
        while (found := self.text.find(SLOT, self.at, end)) >= 0:
            self.at = found
            self.slot(Place.SINGLE_QUOTED)
        self.at = end + 1

    def _comment(self) -> None:
        end = self.text.find("\n", self.at, self.end)
        end = self.end if end < 0 else end
        for _ in range(self.text.count(SLOT, self.at, end)):
            self.slots.append(Slot(Place.DOUBLE_QUOTED))
        self.at = end

    def _redirection(self, frame: Frame) -> bool:
        if self.text.startswith("<<<", self.at):
            self.at += 3
        elif self.text.startswith(("<(", ">("), self.at):
            self.push(Kind.COMMANDS, 2, ")")
        elif (found := _DELIMITER.match(self.text, self.at, self.end)) is not None:
            self._announce_document(frame, found)
        else:
            return False
        return True

    def _announce_document(self, frame: Frame, found: re.Match[str]) -> None:
        spelled = found[2]
        if SLOT in spelled:
            raise self.error("an expression cannot be the end mark of a here-document")
        delimiter = re.sub(r"['\"\\]", "", spelled)
        frame.documents.append((delimiter, bool(found[1]), delimiter != spelled))
        self.at = found.end()

    def _here_documents(self, frame: Frame) -> None:
        begin = self.text.rfind("\n", 0, self.at - 1) + 1
        line = self.text[begin : self.at - 1]
        for delimiter, tabs, is_quoted in frame.documents:
            start = self.at
            end, self.at = _document_end(self.text, start, self.end, delimiter, strip_tabs=tabs)
            if SLOT not in self.text[start:end]:
                continue
            if is_quoted:
                raise self.error(
                    f"a quoted here-document takes no value; write <<{delimiter} without quotes", start
                )
            if is_piped_into_shell(line, 0) or any(runs_shell(part) for part in re.split(r"[;&|]", line)):
                raise self.error("a shell would read this here-document as code", start)
            body = _Lexer(self.text, start, end)
            body.run([*self.stack, Frame(Kind.HERE_DOCUMENT, start, quoted=True)])
            self.slots += body.slots
        frame.documents.clear()
        frame.word = self.at

    def _in_quotes(self, frame: Frame) -> None:
        char = self.text[self.at]
        if char == SLOT:
            self.slot(Place.DOUBLE_QUOTED)
        elif char == frame.closer:
            self.stack.pop()
            self.at += 1
        elif char in "\\`$":
            self.escape_or_expansion(quoted=True)
        else:
            self.at += 1

    def _in_parameter(self, frame: Frame) -> None:
        char = self.text[self.at]
        if char == SLOT:
            self.slot(Place.DOUBLE_QUOTED if frame.quoted else Place.BARE)
        elif char == "}":
            self.stack.pop()
            self.at += 1
        elif char == "'" and not frame.quoted:
            end = self.find("'", self.at + 1, "a single quote is never closed")
            if SLOT in self.text[self.at : end]:
                raise self.error("inside ${ } an expression cannot be in single quotes")
            self.at = end + 1
        elif char == '"':
            self.push(Kind.DOUBLE, 1, '"')
        elif char in "\\`$":
            self.escape_or_expansion(quoted=frame.quoted)
        else:
            self.at += 1

    def _in_arithmetic(self, frame: Frame) -> None:
        char = self.text[self.at]
        if char == SLOT:
            self.slot(Place.ARITHMETIC)
        elif char == "(":
            frame.brackets += 1
            self.at += 1
        elif frame.brackets == 0 and self.text.startswith(frame.closer, self.at):
            self.stack.pop()
            self.at += len(frame.closer)
        elif char == ")":
            frame.brackets = max(0, frame.brackets - 1)
            self.at += 1
        elif char in "\\`$":
            self.escape_or_expansion(quoted=True)
        else:
            self.at += 1


def _bare_place(word: str) -> Place:
    """Inside a subscript, quotes would become part of the key."""
    return Place.ARITHMETIC if re.match(r"[A-Za-z_]\w*\[[^\]]*$", word, re.ASCII) else Place.BARE


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
