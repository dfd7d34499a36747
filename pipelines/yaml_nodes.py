"""The trees that the YAML guard reads: plain strings with positions. Imports `pipelines.problems` only."""

from dataclasses import dataclass

from pipelines.problems import Path, Problem

Plain = str | list["Plain"] | dict[str, "Plain"] | None


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A leaf: its text exactly as written, or None for plain `null`, `~` and nothing."""

    value: str | None
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """A list of nodes."""

    items: tuple["Node", ...]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class MappingEntry:
    """One key of a mapping; line and column are those of the key."""

    key: str
    value: "Node"
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class MappingNode:
    """A mapping in written order, without duplicate keys."""

    entries: tuple[MappingEntry, ...]
    line: int
    column: int

    def entry(self, key: str) -> MappingEntry | None:
        """The entry of that key, or None."""
        return next((entry for entry in self.entries if entry.key == key), None)


Node = ScalarNode | SequenceNode | MappingNode


@dataclass(frozen=True, slots=True)
class Document:
    """One document that is not empty: its position (from 1), its tree and its verbatim text.

    Of several inputs, `input` is which one (from 0), and the positions go on from one to the next: the first
    `offset` documents are in those before.
    """

    index: int
    root: Node
    source: str
    input: int = 0
    offset: int = 0

    @property
    def number(self) -> int:
        """The position in its own input (from 1)."""
        return self.index - self.offset


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything found in an input. The documents may be used only when `problems` is empty."""

    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]


def plain(node: Node) -> Plain:
    """The tree as dicts, lists and strings. A key without a value is left out, as if it were not there.

    Recursive: safe because no node is deeper than `YamlLimits.depth`.
    """
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.items]
    return {entry.key: value for entry in node.entries if (value := plain(entry.value)) is not None}


def position(root: Node, path: Path) -> tuple[int, int]:
    """Line and column of the value at `path`; of a mapping entry, those of its key.

    Parts that lead nowhere are skipped, so that what is missing is reported at what should hold it.
    """
    node, place = root, (root.line, root.column)
    for part in path:
        if isinstance(node, MappingNode) and isinstance(part, str):
            entry = node.entry(part)
            if entry is not None:
                node, place = entry.value, (entry.line, entry.column)
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            place = (node.line, node.column)
    return place
