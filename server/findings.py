"""What `python -m server check` says of each thing it looks at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `what` it is, whether it is `fine`, and what was `found`."""

    what: str
    fine: bool
    found: str
