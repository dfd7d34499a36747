"""What a verdict depends on besides the records: settings, the time, and who asks. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from providers.values import DeploymentType


@dataclass(frozen=True)
class Circumstances:
    """What the rules need besides the records. `max_age` None means no limit.

    `forbidden` are the ids of the environments in which who asks may not roll back.
    """

    enabled: bool
    max_age: timedelta | None
    at: datetime
    supported: frozenset[DeploymentType]
    forbidden: frozenset[str]
