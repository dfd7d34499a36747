"""How versions behave once they run: well, unless a test says otherwise. Imports the standard library only."""

from __future__ import annotations

import re
from enum import StrEnum

CRASH_DETAILS = "APP/PROC/WEB: Exited with status 1"
STAGING_ERROR = "StagingError - Staging error: failed to get image metadata"


class Fate(StrEnum):
    """What becomes of a version."""

    CRASHES = "crashes"
    """Its instances start and exit."""
    HANGS = "hangs"
    """Its instances never become healthy."""
    UNSTAGEABLE = "unstageable"
    """Its build fails."""


class Fates:
    """Rules by pattern, searched in the image of a droplet, or in its guid where it has none."""

    def __init__(self) -> None:
        self._rules: list[tuple[re.Pattern[str], Fate]] = []

    def bad(self, pattern: str, fate: Fate = Fate.CRASHES) -> None:
        """From now on versions that match come to this fate. Raises re.error for a bad pattern."""
        self._rules.append((re.compile(pattern), fate))

    def clear(self) -> None:
        """Forgets every rule."""
        self._rules.clear()

    def of(self, version: str) -> Fate | None:
        """The fate of a version; None for a good one."""
        return next((fate for pattern, fate in self._rules if pattern.search(version)), None)
