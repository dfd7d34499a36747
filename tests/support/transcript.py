"""Events as text, without what differs from run to run: how far a platform was when it was asked."""

from __future__ import annotations

import re
from typing import Any

_NOISE = re.compile(r"\(revision [0-9a-f]+\)|execution [0-9A-Za-z_=-]{20,}")


def transcript(events: list[dict[str, Any]]) -> str:
    """One line an event; progress of one step becomes one line, however often it was reported."""
    lines: list[str] = []
    for event in events:
        line = _line(event)
        if line != (lines[-1] if lines else None):
            lines.append(line)
    return "".join(f"{line}\n" for line in lines)


def _line(event: dict[str, Any]) -> str:
    stage = event.get("stage", {}).get("identifier", "")
    step = event.get("step", {}).get("identifier", "")
    where = " ".join(part for part in (stage, step) if part) or "execution"
    status = event.get("executionStatus") or event.get("stageStatus") or event.get("stepStatus") or "…"
    reason = _NOISE.sub("(…)", event.get("reason") or "")
    return f"{where}: {status} {reason}".rstrip()
