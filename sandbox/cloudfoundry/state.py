"""What a foundation holds: plain records, changed on the world's event loop alone. Imports core.wire only."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, field

from sandbox.core.wire import Object, timestamp

_SERIAL = itertools.count(1)


def new_guid() -> str:
    """A fresh identity."""
    return str(uuid.uuid4())


def next_serial() -> int:
    """The next place in the order of creation."""
    return next(_SERIAL)


@dataclass(slots=True, kw_only=True)
class Resource:
    """What every resource of the v3 API has. `serial` is its place in the order of creation."""

    guid: str = field(default_factory=new_guid)
    created_at: str = field(default_factory=timestamp)
    updated_at: str = field(default_factory=timestamp, repr=False)
    serial: int = field(default_factory=next_serial)
    labels: dict[str, str] = field(default_factory=dict[str, str])
    annotations: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True, kw_only=True)
class Organization(Resource):
    name: str


@dataclass(slots=True, kw_only=True)
class Space(Resource):
    name: str
    organization: str


@dataclass(slots=True, kw_only=True)
class Domain(Resource):
    name: str


@dataclass(slots=True, kw_only=True)
class App(Resource):
    name: str
    space: str
    lifecycle: str = "docker"
    state: str = "STOPPED"
    env: dict[str, str] = field(default_factory=dict[str, str])
    droplet: str | None = None
    revisions_enabled: bool = True


@dataclass(slots=True, kw_only=True)
class Package(Resource):
    app: str
    type: str
    data: Object
    state: str


@dataclass(slots=True, kw_only=True)
class Build(Resource):
    app: str
    package: str
    lifecycle: str
    state: str = "STAGING"
    error: str | None = None
    droplet: str | None = None
    ticks: int = 0


@dataclass(slots=True, kw_only=True)
class Droplet(Resource):
    app: str
    package: str | None
    lifecycle: str
    image: str | None
    process_types: dict[str, str]
    state: str = "STAGED"


@dataclass(slots=True, kw_only=True)
class Revision(Resource):
    app: str
    version: int
    droplet: str
    env: dict[str, str]
    commands: dict[str, str | None]
    description: str


@dataclass(slots=True)
class Copy:
    """One instance of a process: a long-running process in Diego's words."""

    index: int
    droplet: str
    state: str = "STARTING"
    ticks: int = 0
    crashes: int = 0
    details: str | None = None


@dataclass(slots=True, kw_only=True)
class Process(Resource):
    """`running_droplet` and `running_env` are what its copies were started with."""

    app: str
    type: str
    command: str | None = None
    instances: int = 1
    memory: int = 1024
    disk: int = 1024
    log_rate: int = -1
    health_check: Object = field(default_factory=lambda: health_check("port"))
    readiness: Object = field(default_factory=lambda: health_check("process"))
    revision: str | None = None
    running_droplet: str | None = None
    running_env: dict[str, str] = field(default_factory=dict[str, str])
    copies: dict[int, Copy] = field(default_factory=dict[int, Copy])


@dataclass(slots=True, kw_only=True)
class Deployment(Resource):
    """`state` is the Cloud Controller's inner one (DeploymentModel), `value` and `reason` are the status shown."""

    app: str
    strategy: str
    droplet: str
    previous_droplet: str | None
    process: str
    original_count: int
    max_in_flight: int = 1
    options: Object = field(default_factory=dict[str, object])
    new_processes: list[Object] = field(default_factory=list[Object])
    revision: str | None = None
    revision_version: int | None = None
    state: str = "DEPLOYING"
    value: str = "ACTIVE"
    reason: str = "DEPLOYING"
    last_status_change: str = field(default_factory=timestamp)
    last_healthy: str = field(default_factory=timestamp)


@dataclass(slots=True)
class Destination:
    app: str
    process: str = "web"
    port: int | None = None
    protocol: str | None = "http1"
    weight: int | None = None
    guid: str = field(default_factory=new_guid)

    def same(self, other: Destination) -> bool:
        """Whether both lead to the same place."""
        mine = (self.app, self.process, self.port, self.protocol)
        return mine == (other.app, other.process, other.port, other.protocol)


@dataclass(slots=True, kw_only=True)
class Route(Resource):
    host: str
    path: str
    domain: str
    space: str
    destinations: list[Destination] = field(default_factory=list[Destination])


@dataclass(slots=True, kw_only=True)
class Job(Resource):
    """Work that goes on after the answer: the deletion of `subject`."""

    operation: str
    subject: str
    state: str = "PROCESSING"
    errors: list[Object] = field(default_factory=list[Object])
    ticks: int = 0


def health_check(kind: str) -> Object:
    """The default health check of a type."""
    return {"type": kind, "data": {"timeout": None, "invocation_timeout": None, "interval": None}}
