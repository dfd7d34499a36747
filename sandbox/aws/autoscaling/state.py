"""What Auto Scaling knows: groups, their members, instance refreshes and activities."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from sandbox.aws.names import request_id
from sandbox.core.wire import Object

REMEMBERED_ACTIVITIES = 200


class Lifecycle(StrEnum):
    """The states of a member that the world knows."""

    PENDING = "Pending"
    PENDING_WAIT = "Pending:Wait"
    IN_SERVICE = "InService"
    TERMINATING = "Terminating"


class RefreshStatus(StrEnum):
    """The states of an instance refresh."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    CANCELLING = "Cancelling"
    CANCELLED = "Cancelled"
    ROLLBACK_IN_PROGRESS = "RollbackInProgress"
    ROLLBACK_SUCCESSFUL = "RollbackSuccessful"
    ROLLBACK_FAILED = "RollbackFailed"


ACTIVE = frozenset(
    {
        RefreshStatus.PENDING,
        RefreshStatus.IN_PROGRESS,
        RefreshStatus.CANCELLING,
        RefreshStatus.ROLLBACK_IN_PROGRESS,
    }
)


@dataclass
class Activity:
    """A scaling activity, as it is described."""

    description: str
    cause: str
    status: str = "InProgress"
    message: str | None = None
    id: str = field(default_factory=request_id)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None

    def end(self, status: str, message: str | None = None) -> None:
        """Successful, Failed or Cancelled."""
        self.status, self.message, self.ended = status, message, datetime.now(UTC)


@dataclass
class Member:
    """An instance of a group; `template` names the version it was launched from, a number. `order` grows."""

    instance: str
    type: str
    zone: str
    image: str
    template: Object
    activity: Activity
    order: int
    state: Lifecycle = Lifecycle.PENDING
    healthy: bool = True
    protected: bool = False
    ticks: int = 0
    leaving: Activity | None = None

    def move(self, state: Lifecycle) -> None:
        """Takes another state."""
        self.state, self.ticks = state, 0

    @property
    def stays(self) -> bool:
        """Whether it counts as capacity."""
        return self.state is not Lifecycle.TERMINATING


@dataclass
class Refresh:
    """An instance refresh. `replaced` of `total` instances are new; `stuck` counts ticks without progress."""

    desired: Object | None
    preferences: Object
    id: str = field(default_factory=request_id)
    status: RefreshStatus = RefreshStatus.PENDING
    reason: str | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    total: int = 0
    left: int = 0
    old: set[str] = field(default_factory=set[str])
    """The instances still to be replaced."""
    stuck: int = 0
    rolled_back_at: int | None = None
    """The percentage at which it turned round."""

    @property
    def is_active(self) -> bool:
        """Whether it still goes on."""
        return self.status in ACTIVE

    @property
    def percentage(self) -> int:
        """Of the instances to replace, those that are."""
        if self.status is RefreshStatus.PENDING:
            return 0
        return 100 if self.total == 0 else (self.total - self.left) * 100 // self.total

    def end(self, status: RefreshStatus, reason: str | None = None) -> None:
        """Takes a last state."""
        self.status, self.reason, self.ended = status, reason or self.reason, datetime.now(UTC)


@dataclass
class Group:
    """`settings` is what a description gives, but for what stands in the other fields."""

    name: str
    arn: str
    settings: Object
    members: dict[str, Member] = field(default_factory=dict[str, Member])
    tags: dict[str, Object] = field(default_factory=dict[str, Object])
    target_groups: list[str] = field(default_factory=list[str])
    suspended: dict[str, str] = field(default_factory=dict[str, str])
    metrics: list[str] = field(default_factory=list[str])
    hooks: dict[str, Object] = field(default_factory=dict[str, Object])
    policies: dict[str, Object] = field(default_factory=dict[str, Object])
    scheduled: dict[str, Object] = field(default_factory=dict[str, Object])
    refreshes: list[Refresh] = field(default_factory=list[Refresh])
    """The newest last."""
    activities: list[Activity] = field(default_factory=list[Activity])
    """The newest last."""
    deleting: bool = False
    pause: int = 0
    """Ticks until it tries to launch again."""
    surge: int = 0
    """How many instances a refresh adds for a while."""

    @property
    def desired(self) -> int:
        """How many instances there should be, but for a refresh's own."""
        return self.settings["DesiredCapacity"]

    @property
    def active_refresh(self) -> Refresh | None:
        """The refresh that goes on."""
        return next((refresh for refresh in reversed(self.refreshes) if refresh.is_active), None)

    def staying(self) -> list[Member]:
        """The members that count as capacity, the oldest first."""
        return sorted((member for member in self.members.values() if member.stays), key=lambda item: item.order)

    def tell(self, activity: Activity) -> Activity:
        """Remembers an activity."""
        self.activities.append(activity)
        del self.activities[:-REMEMBERED_ACTIVITIES]
        return activity


def template_of(settings: Object) -> Object:
    """The launch template specification of a group's settings or of a desired configuration."""
    if "LaunchTemplate" in settings:
        return settings["LaunchTemplate"]
    return settings["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
