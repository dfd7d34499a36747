"""What crosses the provider interface for Auto Scaling groups: target, snapshot, details, step specs.

May import `providers.values`, `providers.aws.values` and pydantic only.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue, model_validator

from providers.aws.values import RegionTarget, Route
from providers.tree import trees
from providers.values import Document, InstanceDetails, Snapshot, Value

TEMPLATE, GROUP, POLICY, SCHEDULED = (
    "AsgLaunchTemplate",
    "AsgConfiguration",
    "AsgScalingPolicy",
    "AsgScheduledUpdateGroupAction",
)
MANIFEST_TYPES = frozenset({TEMPLATE, GROUP, POLICY, SCHEDULED})


class AsgTarget(RegionTarget):
    """The `spec` of an Asg infrastructure: a region of the connector's account. The manifest names the group."""


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
        """Whether something other than the release decides how many instances there are.

        A policy, a scheduled action, or weights: with those a capacity of 4 may be one instance.
        """
        return bool(self.policies or self.scheduled or self.weighted)

    @property
    def weighted(self) -> bool:
        """Whether an instance may count for more than one."""
        overrides = trees(self.mixed, "LaunchTemplate", "Overrides")
        return any("WeightedCapacity" in override for override in overrides)


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

    instance_id: str = Field(description="The EC2 instance's id.")
    group_name: str = Field(description="The Auto Scaling group that it belongs to.")
    colour: str | None = Field(default=None, description="BLUE where its group serves, GREEN where it does not.")
    launch_template: str | None = Field(default=None, description="The launch template that it was launched from.")
    launch_template_version: int | None = Field(default=None, description="The version of that template.")
    image_id: str | None = Field(default=None, description="The machine image that it runs.")
    instance_type: str | None = Field(default=None, description="Its size, such as t3.micro.")
    availability_zone: str | None = Field(default=None, description="Where it runs.")
    private_ip: str | None = Field(default=None, description="Its address in the network.")
    lifecycle_state: str = Field(description="Its state in the group, such as InService.")
    health_status: str = Field(description="What the group thinks of it: Healthy or Unhealthy.")


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


class BalancerSpec(Document):
    """A load balancer of a blue/green deployment. Without a rule, the listener's default actions are meant."""

    load_balancer: str
    prod_listener: str
    prod_listener_rule_arn: str | None = None
    stage_listener: str
    stage_listener_rule_arn: str | None = None


class FixedSizes(Document):
    min: int = Field(ge=0)
    max: int = Field(ge=0)
    desired: int = Field(ge=0)

    @model_validator(mode="after")
    def _is_possible(self) -> FixedSizes:
        if not self.min <= self.desired <= self.max:
            raise ValueError("desired must be between min and max")
        return self


class FixedInstances(Document):
    type: Literal["Fixed"]
    spec: FixedSizes


class BlueGreenDeploySpec(Document):
    """AsgBlueGreenDeploy: the release in the group of the other colour, behind the stage listeners.

    Without `instances` the sizes are those of the manifest, or with `use_already_running_instances` of the group
    that serves.
    """

    load_balancers: tuple[BalancerSpec, ...] = Field(min_length=1)
    instances: FixedInstances | None = None
    use_already_running_instances: bool = False


class SwapServiceSpec(Document):
    """AsgBlueGreenSwapService: production and stage change places; `downsize_old_asg` empties the old group.

    Among rollback steps it does what AsgBlueGreenRollback does.
    """

    downsize_old_asg: bool = False


class BlueGreenRollbackSpec(Document):
    """AsgBlueGreenRollback. The group that the deployment brought in becomes what it was before, so
    `downsize_old_asg` is accepted for the sake of existing files and changes nothing."""

    downsize_old_asg: bool = False


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
