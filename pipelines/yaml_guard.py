"""Reads YAML text into trees of plain strings with positions, refusing everything that makes YAML dangerous.

Works on parser events, so nothing is constructed and nothing recurses. Imports the problems and the other
`pipelines.yaml_*` modules only.
"""

import re
from dataclasses import dataclass

from yaml import events
from yaml.error import MarkedYAMLError, YAMLError

from pipelines.problems import Problem, ProblemCode, shown
from pipelines.yaml_events import TooMuchWorkError, yaml_events
from pipelines.yaml_nodes import Document, MappingEntry, MappingNode, Node, Reading, ScalarNode, SequenceNode


@dataclass(frozen=True, slots=True)
class YamlLimits:
    """Bounds of one input. `work` counts steps of the reader and so bounds the time to a second or two."""

    size_bytes: int = 1024 * 1024
    depth: int = 64
    events: int = 20_000
    key_characters: int = 256
    work: int = 600_000
    problems: int = 100


def read_documents(text: str | bytes, limits: YamlLimits | None = None) -> Reading:
    """Read an input of one or several documents. Never raises for what the input holds."""
    bounds = limits or YamlLimits()
    decoded = _decoded(text, bounds)
    if isinstance(decoded, Problem):
        return Reading((), (decoded,))
    found = _UNFIT.search(decoded)
    if found is not None:
        return Reading((), (_unfit_character(decoded, found.start()),))
    return _Builder(decoded, bounds).read()


# Control characters and surrogates: PyYAML refuses them without naming a place, and escapes smuggle them in.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


def _decoded(text: str | bytes, limits: YamlLimits) -> str | Problem:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > limits.size_bytes:
        message = f"the input has {size} bytes, more than the {limits.size_bytes} allowed; split it into several"
        return Problem(ProblemCode.YAML_LIMIT, message, 1, 1, 1)
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        column = error.start - text.rfind(b"\n", 0, error.start)
        return Problem(ProblemCode.YAML_SYNTAX, "the input is not valid UTF-8; save it as UTF-8", 1, line, column)


def _unfit_character(text: str, at: int) -> Problem:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    document = len(re.findall(r"^---(?=\s)", text[:at].lstrip(), re.MULTILINE | re.ASCII)) or 1
    message = f"the character U+{ord(text[at]):04X} is not allowed; remove it"
    return Problem(ProblemCode.YAML_FORBIDDEN, message, document, line, column)


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been seen. `key` waits for its value; None: a key comes next."""

    is_mapping: bool
    line: int
    column: int
    items: list[Node]
    entries: list[MappingEntry]
    keys: set[str]
    key: tuple[str, int, int] | None = None
    skip_value: bool = False


class _Builder:
    """Turns the events of one input into documents; the depth is held in a list, not in the stack."""

    def __init__(self, text: str, limits: YamlLimits) -> None:
        self._text = text
        self._limits = limits
        self._problems: list[Problem] = []
        self._documents: list[Document] = []
        self._open: list[_Open] = []
        self._root: Node | None = None
        self._index = 0
        self._source_start = 0

    def read(self) -> Reading:
        try:
            self._consume()
        except TooMuchWorkError:
            message = "the input takes too long to read; split it, or shorten its indentation and long plain texts"
            self._problem(ProblemCode.YAML_LIMIT, message, 1, 1)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
            self._problem(ProblemCode.YAML_SYNTAX, f"not valid YAML: {_reason(error)}", line, column)
        except (YAMLError, ValueError, OverflowError) as error:
            # ValueError: PyYAML passes escapes such as "\UFFFFFFFF" straight to chr().
            self._problem(ProblemCode.YAML_SYNTAX, f"not valid YAML: {shown(str(error))}", 1, 1)
        return Reading(tuple(self._documents), tuple(self._problems))

    def _consume(self) -> None:
        for count, event in enumerate(yaml_events(self._text, self._limits.work), start=1):
            line, column = event.start_mark.line + 1, event.start_mark.column + 1
            if count > self._limits.events:
                message = f"the input has more than {self._limits.events} parts; split it into several"
                self._problem(ProblemCode.YAML_LIMIT, message, line, column)
                return
            if not self._accept(event, line, column) or len(self._problems) >= self._limits.problems:
                return

    def _accept(self, event: events.Event, line: int, column: int) -> bool:
        """Take one event; False stops the reading."""
        if isinstance(event, events.DocumentStartEvent):
            self._begin_document(event)
        elif isinstance(event, events.DocumentEndEvent):
            self._end_document(event)
        elif isinstance(event, events.AliasEvent):
            message = f'the alias "*{shown(str(event.anchor))}" is not allowed; write the value out'
            self._problem(ProblemCode.YAML_FORBIDDEN, message, line, column)
            self._add_scalar(None, "", line, column)
        elif isinstance(event, events.ScalarEvent):
            self._check_properties(event, line, column)
            self._add_scalar(event.style, event.value, line, column)
        elif isinstance(event, events.CollectionStartEvent):
            self._check_properties(event, line, column)
            return self._push(isinstance(event, events.MappingStartEvent), line, column)
        elif isinstance(event, events.CollectionEndEvent):
            self._pop()
        return True

    def _begin_document(self, event: events.DocumentStartEvent) -> None:
        self._index += 1
        self._root = None
        if event.explicit:
            self._source_start = event.end_mark.index
        if event.tags:
            line, column = event.start_mark.line + 1, event.start_mark.column + 1
            self._problem(ProblemCode.YAML_FORBIDDEN, "%TAG is not allowed; remove the line", line, column)

    def _end_document(self, event: events.DocumentEndEvent) -> None:
        source = self._text[self._source_start : event.start_mark.index]
        self._source_start = event.end_mark.index
        root = self._root
        if root is None or (isinstance(root, ScalarNode) and root.value is None):
            return
        self._documents.append(Document(self._index, root, source.lstrip("\r\n")))

    def _check_properties(
        self, event: events.ScalarEvent | events.CollectionStartEvent, line: int, column: int
    ) -> None:
        if event.anchor is not None:
            message = f'the anchor "&{shown(str(event.anchor))}" is not allowed; write the value out'
            self._problem(ProblemCode.YAML_FORBIDDEN, message, line, column)
        if event.tag is not None:
            message = f'the tag "{shown(str(event.tag))}" is not allowed; remove it: every value is read as text'
            self._problem(ProblemCode.YAML_FORBIDDEN, message, line, column)

    def _add_scalar(self, style: str | None, value: str, line: int, column: int) -> None:
        is_null = style is None and value in _NULLS
        found = _UNFIT.search(value)
        if found is not None:
            message = f"the escape for U+{ord(found.group()):04X} is not allowed; remove it"
            self._problem(ProblemCode.YAML_FORBIDDEN, message, line, column)
        holder = self._open[-1] if self._open else None
        if holder is not None and holder.is_mapping and holder.key is None:
            self._take_key(holder, value, "null" if is_null else style, line, column)
        else:
            self._add(ScalarNode(None if is_null else value, line, column))

    def _take_key(self, holder: _Open, key: str, style: str | None, line: int, column: int) -> None:
        holder.key, holder.skip_value = (key, line, column), True
        if style == "null":
            self._problem(ProblemCode.YAML_FORBIDDEN, "a key must not be empty or null", line, column)
        elif style is None and key == "<<":
            message = 'the merge key "<<" is not allowed; write the keys out'
            self._problem(ProblemCode.YAML_FORBIDDEN, message, line, column)
        elif len(key) > self._limits.key_characters:
            message = f"a key has more than {self._limits.key_characters} characters"
            self._problem(ProblemCode.YAML_LIMIT, message, line, column)
        elif key in holder.keys:
            message = f'the key "{shown(key)}" appears twice; keep one of them'
            self._problem(ProblemCode.DUPLICATE_KEY, message, line, column)
        else:
            holder.keys.add(key)
            holder.skip_value = False

    def _push(self, is_mapping: bool, line: int, column: int) -> bool:
        if len(self._open) >= self._limits.depth:
            message = f"nested more than {self._limits.depth} deep"
            self._problem(ProblemCode.YAML_LIMIT, message, line, column)
            return False
        holder = self._open[-1] if self._open else None
        if holder is not None and holder.is_mapping and holder.key is None:
            self._problem(
                ProblemCode.YAML_FORBIDDEN, "a key must be plain text, not a list or mapping", line, column
            )
            return False
        self._open.append(_Open(is_mapping, line, column, [], [], set()))
        return True

    def _pop(self) -> None:
        done = self._open.pop()
        if done.is_mapping:
            self._add(MappingNode(tuple(done.entries), done.line, done.column))
        else:
            self._add(SequenceNode(tuple(done.items), done.line, done.column))

    def _add(self, node: Node) -> None:
        if not self._open:
            self._root = node
            return
        holder = self._open[-1]
        if not holder.is_mapping:
            holder.items.append(node)
            return
        assert holder.key is not None
        key, line, column = holder.key
        if not holder.skip_value:
            holder.entries.append(MappingEntry(key, node, line, column))
        holder.key, holder.skip_value = None, False

    def _problem(self, code: ProblemCode, message: str, line: int, column: int) -> None:
        path: list[str | int] = []
        for holder in self._open:
            if not holder.is_mapping:
                path.append(len(holder.items))
            elif holder.key is not None:
                path.append(holder.key[0])
        self._problems.append(Problem(code, message, max(self._index, 1), line, column, tuple(path)))


def _reason(error: MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return shown(", ".join(parts)) or "it cannot be read"
