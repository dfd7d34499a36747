"""The summary of a crash matrix, as Markdown tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tests.durability.points import Point
from tests.durability.rigs import Verdict

_HEAD = "| {} | runs | kills that came | effects expected | applied | lost | duplicated | absorbed | failed |"
_LINE = "|---|---|---|---|---|---|---|---|---|"


def summary(verdicts: Sequence[Verdict]) -> str:
    """By point, by platform and database, and in all."""
    points = [str(point) for point in Point]
    places = sorted({_place(verdict) for verdict in verdicts})
    return "\n".join(
        [
            *_table("point", verdicts, points, lambda verdict: verdict.cell.point),
            "",
            *_table("platform and database", verdicts, places, _place),
        ]
    )


def _place(verdict: Verdict) -> str:
    return f"{verdict.cell.platform}, {verdict.cell.database}"


def _table(
    title: str, verdicts: Sequence[Verdict], rows: Iterable[str], row_of: Callable[[Verdict], str]
) -> list[str]:
    by_row = {row: [verdict for verdict in verdicts if row_of(verdict) == row] for row in rows}
    lines = [_row(row, found) for row, found in by_row.items() if found]
    return [_HEAD.format(title), _LINE, *lines, _row("all", verdicts)]


def _row(name: str, verdicts: Sequence[Verdict]) -> str:
    cells = (
        len(verdicts),
        sum(verdict.fired for verdict in verdicts),
        sum(verdict.expected.total() for verdict in verdicts),
        sum(verdict.applied.total() for verdict in verdicts),
        sum(verdict.lost.total() for verdict in verdicts),
        sum(verdict.duplicated.total() for verdict in verdicts),
        sum(verdict.absorbed for verdict in verdicts),
        sum(bool(verdict.failure) for verdict in verdicts),
    )
    return f"| {name} | {' | '.join(f'{cell:,}' for cell in cells)} |"
