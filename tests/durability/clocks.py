"""A clock of a server's own, for tests that set it while the server runs; `ticking` launches such servers.

The application knows nothing of it: a nursery puts it in the place of the one from which `db.columns` tells the
time and makes identifiers. How far it is off, in seconds, stands in a file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from uuid import UUID

import uuid_utils

from db import columns
from tests.support.nursery import Nursling
from tests.support.unship import nursery

OFF_BY = "CLOCK_OFF_BY"


def ticking(arguments: list[str], environment: Mapping[str, str], log: Path) -> Nursling:
    """Launches a server whose clock is off by what the file says that the environment names."""
    return nursery().start(arguments, environment, log, prepare=__name__)


def install() -> None:
    path = Path(os.environ[OFF_BY])

    def off_by() -> float:
        return float(path.read_text()) if path.exists() else 0.0

    class Clock:
        @staticmethod
        def now(tz: tzinfo) -> datetime:
            return datetime.now(tz) + timedelta(seconds=off_by())

    def uuid7() -> UUID:
        fresh = uuid_utils.uuid7().int
        return UUID(int=fresh + (round(off_by() * 1000) << 80))

    replaced: Any = columns
    replaced.datetime, replaced.uuid7 = Clock, uuid7
