"""What `python -m server check` says of each thing it looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db.queries.consistency import MOST

_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `what` it is, whether it is `fine`, and what was `found`."""

    what: str
    fine: bool
    found: str


def summed_up(what: str, problems: Sequence[str], fine: str, todo: str) -> Finding:
    """One finding for several problems of a kind: the first few, and what to do; `fine` where there is none."""
    if not problems:
        return Finding(what, True, fine)
    count = f"{MOST} or more" if len(problems) >= MOST else str(len(problems))
    more = f" ({count} in all)" if len(problems) > _NAMED else ""
    return Finding(what, False, f"{', '.join(problems[:_NAMED])}{more}; {todo}")
