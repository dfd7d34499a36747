"""What crosses the provider interface for ECS: the target, the snapshot, the details of a task, step specs.

May import `providers.values`, `providers.aws.values` and pydantic only.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue, StringConstraints

from providers.aws.values import RegionTarget, Route
from providers.values import Document, InstanceDetails, Snapshot, Value

TASK_DEFINITION = "EcsTaskDefinition"
SERVICE_DEFINITION = "EcsServiceDefinition"
SCALABLE_TARGET = "EcsScalableTargetDefinition"
SCALING_POLICY = "EcsScalingPolicyDefinition"
MANIFEST_TYPES = frozenset({TASK_DEFINITION, SERVICE_DEFINITION, SCALABLE_TARGET, SCALING_POLICY})

ClusterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,255}$")]


class EcsTarget(RegionTarget):
    """The `spec` of an ECS infrastructure: one cluster of one region. The manifests name the service in it."""

    cluster: ClusterName


class ServiceState(Value):
    """A service as it was: its task definition, its count, and its settings as requests take them."""

    name: str
    definition: str
    desired: int
    settings: dict[str, JsonValue]
    tags: dict[str, str] = {}


class ScalingState(Value):
    """The autoscaling of a service as it was: the scalable target and its policies, as requests take them."""

    service: str
    target: dict[str, JsonValue]
    policies: tuple[dict[str, JsonValue], ...] = ()


class EcsSnapshot(Snapshot):
    """The way back on ECS. `base` is the service's name in the manifests; the strategies add suffixes to it.

    `routes` are the listeners and rules that lead to the two colours.
    """

    base: str
    services: tuple[ServiceState, ...] = ()
    scaling: tuple[ScalingState, ...] = ()
    routes: tuple[Route, ...] = ()

    def service(self, name: str) -> ServiceState | None:
        return next((item for item in self.services if item.name == name), None)

    def scaling_of(self, service: str) -> ScalingState | None:
        return next((item for item in self.scaling if item.service == service), None)


class ContainerDetails(Value):
    name: str = Field(description="The container's name in the task definition.")
    image: str = Field(description="The image as the task definition names it.")
    status: str | None = Field(default=None, description="PENDING, RUNNING, STOPPED.")
    health: str | None = Field(default=None, description="What its own health check says; UNKNOWN without one.")
    reason: str | None = Field(default=None, description="Why it does not run.")


class TaskDetails(InstanceDetails):
    """What a task shows of itself."""

    cluster: str = Field(description="The cluster's name.")
    service: str = Field(description="The service that started it.")
    task_definition: str = Field(description="What it runs: family and revision of the task definition.")
    deployment_id: str | None = Field(default=None, description="The service's deployment that started it.")
    status: str | None = Field(default=None, description="PROVISIONING, PENDING, ACTIVATING or RUNNING.")
    launch_type: str | None = Field(default=None, description="FARGATE, EC2 or EXTERNAL.")
    availability_zone: str | None = Field(default=None, description="Where it runs.")
    private_ip: str | None = Field(default=None, description="The address of its network interface.")
    cpu: str | None = Field(default=None, description="CPU units of the task.")
    memory: str | None = Field(default=None, description="Memory of the task in MiB.")
    containers: tuple[ContainerDetails, ...] = Field(default=(), description="Its containers.")


class RollingDeploySpec(Document):
    """EcsRollingDeploy. `same_as_already_running_instances` keeps the count that runs, whatever the manifest says;
    `force_new_deployment` replaces the tasks also where nothing changed."""

    same_as_already_running_instances: bool = False
    force_new_deployment: bool = False


class RollingRollbackSpec(Document):
    """EcsRollingRollback."""


class CanaryDeploySpec(Document):
    """EcsCanaryDeploy: one task of the new version, in a service of its own."""


class CanaryDeleteSpec(Document):
    """EcsCanaryDelete."""


class BlueGreenCreateSpec(Document):
    """EcsBlueGreenCreateService: which load balancer, and the listeners of production and stage.

    Without a rule the listener's default actions are meant.
    """

    load_balancer: str = Field(min_length=1)
    prod_listener: str = Field(min_length=1)
    prod_listener_rule_arn: str | None = None
    stage_listener: str = Field(min_length=1)
    stage_listener_rule_arn: str | None = None


class BlueGreenSwapSpec(Document):
    """EcsBlueGreenSwapTargetGroups. With `do_not_downsize_old_service` both colours keep running."""

    do_not_downsize_old_service: bool = False


class BlueGreenRollbackSpec(Document):
    """EcsBlueGreenRollback. With `do_not_downsize_old_service` the undone version goes on without traffic."""

    do_not_downsize_old_service: bool = False
