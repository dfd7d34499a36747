"""The door to PyYAML: its pure Python parser up to events, with a bound on its work.

Not the C parser: its loader crashes the process on deep nesting, and its work cannot be bounded. Imports nothing
of the project.
"""

import re
from collections.abc import Iterator

from yaml import events
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

_BREAKS = re.compile("[\r\n\x85\u2028\u2029\ufeff]")


class TooMuchWorkError(Exception):
    """Reading took more steps than allowed."""


def yaml_events(text: str, work: int) -> Iterator[events.Event]:
    """The events of `text`, in order.

    Raises TooMuchWorkError after about `work` reader steps (one to three microseconds each), yaml.YAMLError
    for text that is not YAML, and ValueError for an escape beyond Unicode.
    """
    reader = _EventReader(text, work)
    while reader.check_event():  # pyright: ignore[reportUnknownMemberType]
        event: object = reader.get_event()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        assert isinstance(event, events.Event)
        yield event


class _EventReader(Reader, Scanner, Parser):
    """PyYAML's own classes; overridden only to count, and to pass over long runs of characters at once."""

    def __init__(self, text: str, work: int) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        self._work = work

    def forward(self, length: int = 1) -> None:
        """Advance. A step costs 1; one over a line break, which is slower, costs 3."""
        passed = self.buffer[self.pointer : self.pointer + length]
        if _BREAKS.search(passed) or len(passed) < length:
            self._charge(3)
            super().forward(length)  # pyright: ignore[reportUnknownMemberType]
            return
        self._charge(1)
        self.pointer += length
        self.index += length
        self.column += length

    # The slowest parts of the scanner cost more: between two words of plain and of quoted text, and directives.

    def scan_plain_spaces(self, indent: object, start_mark: object) -> object:
        self._charge(2)
        return super().scan_plain_spaces(indent, start_mark)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    def scan_flow_scalar_spaces(self, double: object, start_mark: object) -> object:
        self._charge(2)
        return super().scan_flow_scalar_spaces(double, start_mark)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    def scan_directive(self) -> object:
        self._charge(100)
        return super().scan_directive()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    def _charge(self, cost: int) -> None:
        self._work -= cost
        if self._work < 0:
            raise TooMuchWorkError
