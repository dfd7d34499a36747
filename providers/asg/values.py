"""What crosses the provider interface for Auto Scaling groups: target, snapshot, details, step specs.

May import `providers.values` and pydantic only.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic.alias_generators import to_camel

from providers.values import InstanceDetails, Snapshot, Value


class Document(BaseModel):
    """Base of what is read from YAML: camelCase keys, unknown ones refused, frozen."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


class AsgTarget(Document):
    """The `spec` of an Asg infrastructure: a region of the connector's account. The manifest names the group."""

    connector_ref: str = Field(min_length=1)
    region: str = Field(min_length=1)


class TemplateVersion(Value):
    """A launch template and one of its versions, a number."""

    id: str
    name: str
    version: int

    def __hash__(self) -> int:
        return hash((self.id, self.name, self.version))


class Tag(Value):
    key: str
    value: str
    at_launch: bool = False
    """Whether new instances get it, too."""


class SavedGroup(Value):
    """All of an Auto Scaling group that a deployment may change.

    `settings`, `hooks`, `policies` and `scheduled` are in the form in which the API takes them; `mixed` is the
    mixed instances policy, whose template is `template`.
    """

    name: str
    template: TemplateVersion
    mixed: dict[str, JsonValue] | None = None
    least: int
    most: int
    desired: int
    settings: dict[str, JsonValue] = {}
    target_groups: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()
    hooks: tuple[dict[str, JsonValue], ...] = ()
    policies: tuple[dict[str, JsonValue], ...] = ()
    scheduled: tuple[dict[str, JsonValue], ...] = ()
    suspended: tuple[str, ...] = ()

    @property
    def autoscaled(self) -> bool:
        """Whether something other than the release decides how many instances there are."""
        return bool(self.policies or self.scheduled)


class Route(Value):
    """Where a listener (`rule` is None: by default) or a rule of it sends traffic."""

    listener: str
    rule: str | None = None
    actions: tuple[dict[str, JsonValue], ...] = ()


class AsgSnapshot(Snapshot):
    """The way back: every group of the service with its way in.

    `newest_version` is the newest version of the launch template that there was; 0 where there was no template.
    """

    name: str
    template_name: str
    newest_version: int = 0
    saved: tuple[SavedGroup, ...] = ()
    routes: tuple[Route, ...] = ()


class AsgDetails(InstanceDetails):
    """What an EC2 instance of an Auto Scaling group shows of itself."""

    instance_id: str
    group_name: str
    colour: str | None = None
    launch_template: str | None = None
    launch_template_version: int | None = None
    image_id: str | None = None
    instance_type: str | None = None
    availability_zone: str | None = None
    private_ip: str | None = None
    lifecycle_state: str
    health_status: str


class RollingDeploySpec(Document):
    """AsgRollingDeploy. Percentages are of the desired capacity; `instance_warmup` is in seconds.

    Without `skip_matching`, instances are replaced although they run what is wanted.
    """

    minimum_healthy_percentage: int = Field(default=90, ge=0, le=100)
    maximum_healthy_percentage: int | None = Field(default=None, ge=100, le=200)
    skip_matching: bool = True
    instance_warmup: int | None = Field(default=None, ge=0)
    use_already_running_instances: bool = False

    @model_validator(mode="after")
    def _is_possible(self) -> RollingDeploySpec:
        most = self.maximum_healthy_percentage
        if most is not None and most - self.minimum_healthy_percentage > 100:
            raise ValueError("maximumHealthyPercentage may be at most 100 above minimumHealthyPercentage")
        return self


class RollingRollbackSpec(Document):
    """AsgRollingRollback."""


class CountValue(Document):
    count: int = Field(ge=1)


class CountSelection(Document):
    type: Literal["Count"]
    spec: CountValue


class CanaryDeploySpec(Document):
    """AsgCanaryDeploy: so many instances of the new version, in a group of their own."""

    instance_selection: CountSelection


class CanaryDeleteSpec(Document):
    """AsgCanaryDelete."""
