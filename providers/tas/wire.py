"""What the v3 API answers, as frozen values (fields: v3-apidocs.cloudfoundry.org): the one door for its JSON."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from providers.errors import ProviderUnreachable
from providers.tas.values import HealthCheck
from providers.tree import Tree, at, text


class Resource(BaseModel):
    """What every resource has; `app` is the guid of the one that it belongs to."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    guid: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    app: str = ""


class App(Resource):
    name: str
    state: str

    @property
    def started(self) -> bool:
        return self.state == "STARTED"


class Droplet(Resource):
    state: str
    image: str | None = None


class Package(Resource):
    state: str


class Build(Resource):
    state: str
    error: str | None = None
    droplet: dict[str, JsonValue] | None = None

    @property
    def droplet_guid(self) -> str | None:
        return text(self.droplet, "guid")


class Revision(Resource):
    version: int
    description: str | None = None
    deployable: bool = True
    droplet: dict[str, JsonValue]
    processes: dict[str, JsonValue] = {}

    @property
    def droplet_guid(self) -> str:
        return text(self.droplet, "guid") or ""


class Process(Resource):
    type: str
    instances: int
    memory_in_mb: int
    disk_in_mb: int
    command: str | None = None
    health_check: HealthCheck
    readiness_health_check: HealthCheck | None = None
    relationships: dict[str, JsonValue] = {}

    @property
    def revision(self) -> str | None:
        return text(self.relationships, "revision", "data", "guid")


class DeploymentStatus(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    value: str
    reason: str


class Deployment(Resource):
    status: DeploymentStatus
    droplet: dict[str, JsonValue]
    previous_droplet: dict[str, JsonValue] | None = None
    options: dict[str, JsonValue] | None = None
    new_processes: tuple[dict[str, JsonValue], ...] = ()

    @property
    def active(self) -> bool:
        return self.status.value == "ACTIVE"

    @property
    def deployed(self) -> bool:
        return self.status.value == "FINALIZED" and self.status.reason == "DEPLOYED"

    @property
    def droplet_guid(self) -> str:
        return text(self.droplet, "guid") or ""

    @property
    def process_guids(self) -> frozenset[str]:
        return frozenset(text(process, "guid") or "" for process in self.new_processes)


class Destination(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    guid: str
    app: dict[str, JsonValue]
    port: int | None = None
    protocol: str | None = None

    @property
    def app_guid(self) -> str:
        return text(self.app, "guid") or ""

    @property
    def process_type(self) -> str:
        return text(self.app, "process", "type") or "web"


class Route(Resource):
    url: str
    destinations: tuple[Destination, ...] = ()


class Domain(Resource):
    name: str


class Instance(BaseModel):
    """One entry of a process's stats."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    type: str
    index: int
    state: str
    routable: bool | None = None
    host: str | None = None
    uptime: int | None = None
    mem_quota: int | None = None
    disk_quota: int | None = None
    details: str | None = None


ResourceT = TypeVar("ResourceT", bound=BaseModel)


def parsed(model: type[ResourceT], body: JsonValue, doing: str) -> ResourceT:
    """The resource of an answer; ProviderUnreachable where it is not one."""
    if not isinstance(body, dict):
        body = {}
    flat: Tree = {
        **body,
        "labels": _texts(at(body, "metadata", "labels")),
        "annotations": _texts(at(body, "metadata", "annotations")),
    }
    owner = text(body, "relationships", "app", "data", "guid")
    if owner is not None:
        flat["app"] = owner
    try:
        return model.model_validate(flat)
    except ValidationError as error:
        raise ProviderUnreachable(
            f"Unship could not {doing}: the foundation answered with something that is not the Cloud Foundry API."
        ) from error


def _texts(value: JsonValue) -> JsonValue:
    return {key: item for key, item in value.items() if isinstance(item, str)} if isinstance(value, dict) else {}
