"""Every trouble on every platform with every strategy, at each call: `python -m tests.providers.troubles`.

Prints each of them, and a summary in Markdown. It fails where an effect was lost or made twice, where a step did
not come to its end, or where a call was not met by the trouble.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product

from tests.providers.platforms import PLATFORMS
from tests.providers.trouble import TROUBLES
from tests.providers.undergoing import Verdict, undergo

_COLUMNS = ("calls", "met", "expected", "applied", "lost", "duplicated", "absorbed", "steps again", "stuck")


def main() -> int:
    options = _options()
    cells = list(product(options.platform or PLATFORMS, options.trouble or TROUBLES))
    context = multiprocessing.get_context("spawn")
    verdicts: list[Verdict] = []
    with ProcessPoolExecutor(options.jobs, mp_context=context) as workers:
        for done in as_completed([workers.submit(undergo, *cell) for cell in cells]):
            verdicts.append(done.result())
            _tell(verdicts[-1])
    print(f"\n{summary(verdicts)}")
    return 1 if any(verdict.failed for verdict in verdicts) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.providers.troubles", description=__doc__)
    parser.add_argument("--platform", action="append", choices=list(PLATFORMS))
    parser.add_argument("--trouble", action="append", choices=list(TROUBLES))
    parser.add_argument("--jobs", type=int, default=1)
    return parser.parse_args()


def _tell(verdict: Verdict) -> None:
    effects = f"{verdict.applied.total()}/{verdict.expected.total()} effects, {verdict.absorbed} absorbed"
    outcome = "FAILED" if verdict.failed else "ok"
    print(
        f"{verdict.platform}, {verdict.trouble}: {verdict.met} met at {verdict.calls} calls, {effects}, "
        f"{verdict.failures} steps taken again: {outcome} ({verdict.seconds:.1f} s)",
        flush=True,
    )
    if verdict.failed:
        told = (
            f"lost {dict(verdict.lost)}, duplicated {dict(verdict.duplicated)}, not met {sorted(verdict.missed)}"
        )
        print(f"{told}\n{verdict.failure}", flush=True)


def summary(verdicts: Sequence[Verdict]) -> str:
    """By trouble, and by platform."""
    by_trouble = _table("trouble", verdicts, list(TROUBLES), lambda verdict: verdict.trouble)
    by_platform = _table("platform", verdicts, list(PLATFORMS), lambda verdict: verdict.platform)
    return "\n".join([*by_trouble, "", *by_platform])


def _table(
    title: str, verdicts: Sequence[Verdict], rows: Sequence[str], row_of: Callable[[Verdict], str]
) -> list[str]:
    by_row = {row: [verdict for verdict in verdicts if row_of(verdict) == row] for row in rows}
    lines = [_row(row, found) for row, found in by_row.items() if found]
    head = [f"| {title} | {' | '.join(_COLUMNS)} |", "|---" * (len(_COLUMNS) + 1) + "|"]
    return [*head, *lines, _row("all", verdicts)]


def _row(name: str, verdicts: Sequence[Verdict]) -> str:
    cells = (
        sum(verdict.calls for verdict in verdicts),
        sum(verdict.met for verdict in verdicts),
        sum(verdict.expected.total() for verdict in verdicts),
        sum(verdict.applied.total() - verdict.taken_back.total() for verdict in verdicts),
        sum(verdict.lost.total() for verdict in verdicts),
        sum(verdict.duplicated.total() for verdict in verdicts),
        sum(verdict.absorbed for verdict in verdicts),
        sum(verdict.failures for verdict in verdicts),
        sum(bool(verdict.failure) for verdict in verdicts),
    )
    return f"| {name} | {' | '.join(f'{cell:,}' for cell in cells)} |"


if __name__ == "__main__":
    sys.exit(main())
