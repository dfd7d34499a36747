"""Documents of our own writer, in parts with a seed each, so that a defect can be asked for alone."""

from __future__ import annotations

import random
from pathlib import Path

from tests.schema.fuzz.asking import BY_HYPOTHESIS, CASES, callers
from tests.schema.fuzz.writing import Writer

PARTS = 10
_EACH = (CASES - BY_HYPOTHESIS) // 2 // PARTS


def share_answered(directory: Path, kind: str, part: int) -> float:
    """Asks the documents of one part; what part of the answers had data."""
    with callers(directory) as (they, run):
        writer = Writer(random.Random(part), they.ids)
        answered = sum(run(they.answered(writer.operation(kind))) for _ in range(_EACH))
        return answered / _EACH / len(they)
