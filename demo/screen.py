"""What the demonstration shows: headings, tables and a live view. Plain lines where no terminal is attached."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

_BOLD, _GREEN, _RED, _QUIET, _BLUE = "1", "32", "31", "2", "36"
_BAR_WIDTH = 18


class Screen:
    """Writes to standard output. Colours and redrawing only on a terminal (and without NO_COLOR)."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._coloured = self.is_terminal and "NO_COLOR" not in os.environ
        self._fancy = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        self._drawn = 0

    def heading(self, text: str) -> None:
        self.line()
        self.line(self.bold(text))

    def line(self, text: str = "") -> None:
        """One line; whatever `redraw` drew before stays above it."""
        self._drawn = 0
        print(text, flush=True)

    def redraw(self, lines: Sequence[str]) -> None:
        """Replace what the last call drew. On a terminal only, which is told to cut long lines."""
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        drawn = "".join(f"\x1b[2K{line}\n" for line in lines)
        sys.stdout.write(f"{up}\x1b[?7l{drawn}\x1b[?7h")
        sys.stdout.flush()
        self._drawn = len(lines)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Columns as wide as they need to be; the first row is the heading."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for number, row in enumerate(rows):
            text = "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            self.line(f"   {self.quiet(text) if number == 0 else text}")

    def bar(self, ready: int, desired: int) -> str:
        done = _BAR_WIDTH * min(ready, desired) // desired if desired else 0
        full, empty = ("█", "░") if self._fancy else ("#", ".")
        return self._in(_BLUE, full * done) + self.quiet(empty * (_BAR_WIDTH - done))

    def mark(self, good: bool) -> str:
        if good:
            return self._in(_GREEN, "✓" if self._fancy else "ok")
        return self._in(_RED, "✗" if self._fancy else "NO")

    def arrow(self) -> str:
        return "→" if self._fancy else "->"

    def bold(self, text: str) -> str:
        return self._in(_BOLD, text)

    def quiet(self, text: str) -> str:
        return self._in(_QUIET, text)

    def _in(self, style: str, text: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._coloured and text else text
