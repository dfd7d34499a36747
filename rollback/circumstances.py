"""What a verdict depends on besides the records: settings, the time, who asks, what holds there. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from db.queries.approvals import ApprovalRow
from pipelines.freezing import Freeze
from providers.values import DeploymentType


@dataclass(frozen=True)
class Surroundings:
    """What holds in the environments, by their ids.

    `forbidden`: who asks may not roll back there. `freezes`: the windows that hold there now; `overriding`: he may
    override them there. `overrides`: what he wants set aside, with why, by the code of the reason. `requiring`:
    a second person has to approve a rollback there; `approvals` are the open ones, newest first. `subject` is who
    asks, None where nobody is asked who he is.
    """

    forbidden: frozenset[str] = frozenset()
    freezes: Mapping[str, tuple[Freeze, ...]] = field(default_factory=dict[str, tuple[Freeze, ...]])
    overriding: frozenset[str] = frozenset()
    overrides: Mapping[str, str] = field(default_factory=dict[str, str])
    requiring: frozenset[str] = frozenset()
    approvals: tuple[ApprovalRow, ...] = ()
    subject: str | None = None


@dataclass(frozen=True)
class Circumstances:
    """What the rules need besides the records. `max_age` None means no limit."""

    enabled: bool
    max_age: timedelta | None
    at: datetime
    supported: frozenset[DeploymentType]
    around: Surroundings
