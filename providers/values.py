"""The values that cross the provider interface: frozen, JSON-able, the same for every platform.

They are stored with executions, so a field is only ever added with a default.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel


class Value(BaseModel):
    """A frozen value that survives a round trip through JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    def as_json(self) -> dict[str, Any]:
        """The value as plain JSON types, for a database column or a checkpoint."""
        return self.model_dump(mode="json")


class Document(BaseModel):
    """Base of what a provider reads from YAML: frozen, camelCase keys, unknown ones refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        defer_build=True,
    )


class DeploymentType(StrEnum):
    KUBERNETES = "KUBERNETES"
    NATIVE_HELM = "NATIVE_HELM"
    ECS = "ECS"
    ASG = "ASG"
    TAS = "TAS"
    CUSTOM = "CUSTOM"


class InstanceHealth(StrEnum):
    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"
    STARTING = "STARTING"
    UNKNOWN = "UNKNOWN"


class Artifact(Value):
    """What was deployed. Which field carries what on which platform: the table in docs/platforms.md."""

    display_name: str
    image: str | None = None
    tag: str | None = None
    digest: str | None = None
    revision: str | None = None


class Manifest(Value):
    """One manifest of a service, its expressions rendered. `type` is the YAML's manifest type.

    `options` is what stands beside its store. `store` and `store_spec` are those of a manifest that the provider
    reads by itself; `content` is empty then. A directory comes as the digest of an archive (tar.gz); `archive` is
    filled in for `deploy` only and never stored with executions.
    """

    identifier: str
    type: str
    content: str = ""
    options: dict[str, JsonValue] = {}
    store: str | None = None
    store_spec: dict[str, JsonValue] = {}
    archive_digest: str | None = None
    archive: bytes | None = Field(default=None, exclude=True, repr=False)


class Release(Value):
    """What a stage wants to run on a target: the service's rendered manifests and its primary artifact."""

    service: str
    artifact: Artifact | None = None
    manifests: tuple[Manifest, ...] = ()


class InstanceDetails(Value):
    """Base of each platform's own details of an instance; its fields become a GraphQL type."""


class LiveInstance(Value):
    """One live copy, as the platform lists it now.

    `key` is the platform's own identity and unique within a target. `group` names what it is a copy of
    (a workload, an app, a canary). `revision` identifies the version of its definition (template hash, task
    definition, launch template version); two instances of one group with equal revisions run the same thing.
    `autoscaled` is true where something other than the release decides the group's count.
    """

    key: str
    group: str
    artifact: Artifact
    revision: str | None = None
    health: InstanceHealth
    autoscaled: bool = False
    started_at: datetime | None = None
    details: dict[str, JsonValue] = {}


class InstanceGroup(Value):
    """What a group of instances is, or is expected to be: `count` copies of one revision and its digests."""

    name: str
    artifact: Artifact
    revision: str | None = None
    digests: tuple[str, ...] = ()
    count: int
    autoscaled: bool = False


class Snapshot(Value):
    """What a provider recorded of a target just before it changed it: the way back.

    `existed` is false where the platform had nothing there. `groups` is what must run again after a rollback.
    Each provider extends this with what it needs for the way back and raises `version` when that changes.
    """

    version: int = 1
    existed: bool
    artifact: Artifact | None = None
    groups: tuple[InstanceGroup, ...] = ()


class Effect(StrEnum):
    CHANGED = "CHANGED"
    SKIPPED = "SKIPPED"


class Outcome(Value):
    """What a step did. SKIPPED, with a reason, where the platform was already in the wanted state.

    `outputs` are recorded with the step; expressions read them as `steps.ID.output.NAME`.
    """

    effect: Effect
    reason: str | None = None
    outputs: dict[str, JsonValue] = {}


class Progress(Value):
    """What the platform reports while a step waits: 2 of 5 updated."""

    message: str
    ready: int | None = None
    desired: int | None = None


class Change(Value):
    """One difference that a rollback would make: `current` now, `target` afterwards; None where absent."""

    resource: str
    field: str
    current: str | None = None
    target: str | None = None


class Obstacle(Value):
    """Why the way back is closed (or, where not blocking, narrower than it should be)."""

    message: str
    remedy: str
    blocking: bool = True
