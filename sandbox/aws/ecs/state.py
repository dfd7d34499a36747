"""What the service holds: clusters, task definitions, services with their deployments, tasks.

`settings` and `body` are in the API's own names and never changed in place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from sandbox.core.wire import Object


def now() -> datetime:
    """This moment, as AWS stamps it: to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class RolloutState(StrEnum):
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class TaskStatus(StrEnum):
    PROVISIONING = "PROVISIONING"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DEACTIVATING = "DEACTIVATING"
    STOPPED = "STOPPED"


@dataclass(slots=True)
class Definition:
    """One revision of a task definition; `body` as it is described."""

    arn: str
    family: str
    revision: int
    body: Object
    tags: list[Object]

    @property
    def name(self) -> str:
        return f"{self.family}:{self.revision}"

    @property
    def is_active(self) -> bool:
        return self.body["status"] == "ACTIVE"


@dataclass(frozen=True, slots=True)
class Revision:
    """A service revision: all that decides what its tasks are."""

    arn: str
    definition: Definition
    settings: Object
    created: datetime


@dataclass(slots=True)
class Task:
    """One task of a service (`deployment` is the id of what started it) or of its own."""

    arn: str
    definition: Definition
    group: str
    deployment: str | None
    settings: Object
    address: str
    created: datetime = field(default_factory=now)
    status: TaskStatus = TaskStatus.PROVISIONING
    wanted: TaskStatus = TaskStatus.RUNNING
    age: int = 0
    """Ticks in the present status."""
    started: datetime | None = None
    stopping: datetime | None = None
    stopped: datetime | None = None
    stop_code: str | None = None
    reason: str | None = None
    digests: dict[str, str] = field(default_factory=dict[str, str])
    exit_codes: dict[str, int] = field(default_factory=dict[str, int])
    tags: list[Object] = field(default_factory=list[Object])

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]

    @property
    def is_wanted(self) -> bool:
        return self.wanted is TaskStatus.RUNNING


@dataclass(slots=True)
class Deployment:
    """One of a service's deployments; the newest is PRIMARY."""

    id: str
    revision: Revision
    wanted: int
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    state: RolloutState = RolloutState.IN_PROGRESS
    reason: str = ""
    failed_tasks: int = 0
    pause: int = 0
    """Ticks until the next task is started, after one that failed."""


@dataclass(slots=True)
class ServiceDeployment:
    """The record of a deployment that ListServiceDeployments shows, also when it is over."""

    arn: str
    deployment: Deployment
    sources: tuple[Revision, ...]
    configuration: Object
    status: str = "IN_PROGRESS"
    reason: str | None = None
    finished: datetime | None = None
    rollback: Object | None = None


@dataclass(slots=True)
class EcsService:
    """A service. `settings` are those of its API object that are neither counted nor computed."""

    arn: str
    name: str
    cluster: str
    settings: Object
    desired: int
    client_token: str | None
    status: str = "ACTIVE"
    created: datetime = field(default_factory=now)
    deployments: list[Deployment] = field(default_factory=list[Deployment])
    history: list[ServiceDeployment] = field(default_factory=list[ServiceDeployment])
    events: list[Object] = field(default_factory=list[Object])
    tags: list[Object] = field(default_factory=list[Object])
    steady: bool = False

    @property
    def primary(self) -> Deployment:
        return self.deployments[0]

    @property
    def group(self) -> str:
        return f"service:{self.name}"


@dataclass(slots=True)
class Cluster:
    """A cluster with all that is in it."""

    arn: str
    name: str
    status: str = "ACTIVE"
    services: dict[str, EcsService] = field(default_factory=dict[str, EcsService])
    tasks: dict[str, Task] = field(default_factory=dict[str, Task])
    tags: list[Object] = field(default_factory=list[Object])

    def tasks_of(self, service: EcsService) -> list[Task]:
        """The service's tasks that have not stopped, oldest first."""
        return [
            task
            for task in self.tasks.values()
            if task.group == service.group and task.status is not TaskStatus.STOPPED
        ]


@dataclass(slots=True)
class State:
    """Everything in the account's region."""

    clusters: dict[str, Cluster] = field(default_factory=dict[str, Cluster])
    families: dict[str, list[Definition]] = field(default_factory=dict[str, list[Definition]])
    revision: int = 0
    """Counts changes that a client made."""
