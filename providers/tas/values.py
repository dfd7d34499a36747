"""What crosses the provider interface for TAS: the target, the snapshot and the details of an instance.

May import `providers.values` and pydantic only.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue, model_validator

from providers.values import Document, InstanceDetails, Snapshot, Value

CONNECTOR_TYPE = "Tas"
MANIFEST_TYPE, VARIABLES_TYPE = "TasManifest", "TasVars"


class TasTarget(Document):
    """The `spec` of a TAS infrastructure: one space of one organization of a foundation."""

    connector_ref: str = Field(min_length=1)
    organization: str = Field(min_length=1, max_length=250)
    space: str = Field(min_length=1, max_length=250)


class ConnectorSpec(Document):
    """The `spec` of a connector of type Tas. Credentials are references: `env:NAME` or `file:PATH`.

    A user with its password, or a client with its secret. `ca_file` is for a foundation with a certificate
    authority of its own; certificates are always checked.
    """

    endpoint_url: str = Field(min_length=1)
    username_ref: str | None = None
    password_ref: str | None = None
    client_id_ref: str | None = None
    client_secret_ref: str | None = None
    skip_tls_verification: Literal[False] = False
    ca_file: str | None = None

    @model_validator(mode="after")
    def _one_pair(self) -> ConnectorSpec:
        user, client = (self.username_ref, self.password_ref), (self.client_id_ref, self.client_secret_ref)
        pairs = [pair for pair in (user, client) if any(pair)]
        if len(pairs) != 1 or not all(pairs[0]):
            raise ValueError("give usernameRef and passwordRef, or clientIdRef and clientSecretRef")
        return self


class HealthCheck(Value):
    """How the platform finds out whether an instance is healthy; `data` as the API has it."""

    type: str
    data: dict[str, JsonValue] = {}


class ProcessState(Value):
    """One process type of an app; its start command belongs to the revision."""

    type: str
    instances: int
    memory_in_mb: int
    disk_in_mb: int
    health_check: HealthCheck
    readiness_health_check: HealthCheck | None = None


class RouteState(Value):
    """A route that leads to an app: which process type, port and protocol of it."""

    guid: str
    url: str
    process: str = "web"
    port: int | None = None
    protocol: str | None = None


class AppState(Value):
    """An app as it was. `revision` is the guid of the revision in use, None where revisions are off.

    `version` is the number of the revision that first had this content, `content` the digest of what defines it
    (droplet, environment, commands), `variables` the digest of each environment variable, never a value.
    """

    guid: str
    name: str
    started: bool
    droplet: str | None = None
    image: str | None = None
    revision: str | None = None
    version: int | None = None
    content: str | None = None
    variables: dict[str, str] = {}
    processes: tuple[ProcessState, ...] = ()
    routes: tuple[RouteState, ...] = ()

    @property
    def running(self) -> int:
        """How many instances it is to have."""
        return sum(process.instances for process in self.processes) if self.started else 0

    def process(self, kind: str) -> ProcessState | None:
        return next((process for process in self.processes if process.type == kind), None)


class TasSnapshot(Snapshot):
    """The way back on TAS: every app of the service's name that runs, and the one that has the name itself.

    `known` are the guids of all its apps and of Unship's routes for it at that time, also of those only kept.
    """

    name: str
    apps: tuple[AppState, ...] = ()
    known: tuple[str, ...] = ()

    @property
    def active(self) -> AppState | None:
        """The app that has the name."""
        return next((app for app in self.apps if app.name == self.name), None)


class AppInstanceDetails(InstanceDetails):
    """What an app instance shows of itself."""

    app_name: str = Field(description="The app's name.")
    app_guid: str = Field(description="The app's guid.")
    process_type: str = Field(description="The process type, as in web or worker.")
    process_guid: str = Field(description="The process's guid; a rolling deployment makes a new one.")
    index: int = Field(description="The instance's index within its process.")
    state: str = Field(description="RUNNING, STARTING, CRASHED or DOWN, as the platform says.")
    reason: str | None = Field(None, description="Why it is not running, where the platform says.")
    host: str | None = Field(None, description="The address of the cell that it runs on.")
    # Whole numbers, but an Int of GraphQL ends at 2 GiB.
    memory_quota_bytes: float | None = Field(None, description="The memory it may use, in bytes.")
    disk_quota_bytes: float | None = Field(None, description="The disk it may use, in bytes.")
    revision_guid: str | None = Field(None, description="The guid of the app revision it runs.")
    droplet_guid: str | None = Field(None, description="The guid of the droplet it runs.")
