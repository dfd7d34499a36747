"""What crosses the provider interface for Kubernetes: the target, the snapshot, the details of a pod, step specs.

May import `providers.values` and pydantic only.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from providers.values import Document, InstanceDetails, Snapshot, Value

CONNECTOR_TYPE = "Kubernetes"
MANIFEST_TYPE = "K8sManifest"

# RFC 1123: a namespace is one label; a release name becomes a label value and a part of Secret names.
NamespaceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
ReleaseName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$")]


class KubernetesTarget(Document):
    """The `spec` of a KubernetesDirect infrastructure: one release name in one namespace of one cluster."""

    connector_ref: str = Field(min_length=1)
    namespace: NamespaceName
    release_name: ReleaseName


class ManifestOptions(Document):
    """What may stand beside a K8sManifest's store: accepted for the sake of existing files, without effect here.

    Whether a ConfigMap or Secret is versioned, its own annotation says (docs/decisions/0005).
    """

    values_paths: tuple[str, ...] = ()
    skip_resource_versioning: bool | str = False


class ObjectState(Value):
    """An object as it was: its identity and the digest of what it said, never what it said."""

    api_version: str
    kind: str
    name: str
    namespace: str | None = None
    digest: str


class KubernetesSnapshot(Snapshot):
    """The way back on Kubernetes.

    `release_number` is the newest release that was really deployed when this was taken (0 for none). What the
    objects said is kept in the cluster, in the record of the release that changed them, so that no content of a
    Secret and no resolved secret leaves it. `objects` are those that existed.
    """

    release_number: int
    objects: tuple[ObjectState, ...] = ()


class ContainerDetails(Value):
    name: str
    image: str
    ready: bool
    restarts: int


class PodDetails(InstanceDetails):
    """What a pod shows of itself."""

    namespace: str
    pod_name: str
    workload: str | None = Field(None, description="Kind/name of what manages the pod, where something does.")
    track: str | None = Field(None, description="`canary` where the pod belongs to a canary.")
    color: str | None = Field(None, description="`blue` or `green` where the pod belongs to one of two colours.")
    node: str | None = None
    pod_ip: str | None = None
    phase: str | None = None
    reason: str | None = None
    containers: tuple[ContainerDetails, ...] = ()


class RollingDeploySpec(Document):
    """K8sRollingDeploy. Without `skip_dry_run` the API server checks every manifest before any is applied.

    `pruning_enabled` also deletes what the previous release had and this one has not; off as in the reference.
    """

    skip_dry_run: bool = False
    pruning_enabled: bool = False


class BlueGreenDeploySpec(Document):
    """K8sBlueGreenDeploy: the new version as the colour that does not serve, with the stage Service on it."""

    skip_dry_run: bool = False


class SwapServicesSpec(Document):
    """K8sBGSwapServices: the primary Service and the stage Service change places."""

    skip_dry_run: bool = False


class RollingRollbackSpec(Document):
    """K8sRollingRollback. What only the undone release created is always deleted, so `pruning_enabled` is accepted
    for the sake of existing files and changes nothing."""

    pruning_enabled: bool = True
    skip_dry_run: bool = False


class InlineContent(Document):
    content: str = Field(min_length=1)


class InlineStore(Document):
    type: Literal["Inline"]
    spec: InlineContent


class ManifestSpec(Document):
    store: InlineStore


class ManifestSource(Document):
    type: Literal["K8sManifest"]
    spec: ManifestSpec


class ApplySpec(Document):
    """K8sApply: the service's manifests named in `file_paths` (by identifier), or manifests of its own."""

    file_paths: tuple[str, ...] = ()
    manifest_source: ManifestSource | None = None
    skip_dry_run: bool = False
    skip_steady_state_check: bool = False


class CountValue(Document):
    count: int = Field(ge=0, le=100_000)


class PercentageValue(Document):
    percentage: int = Field(ge=0, le=1_000)


class CountSelection(Document):
    type: Literal["Count"]
    spec: CountValue


class PercentageSelection(Document):
    """So many per cent of the copies that are wanted when the step starts, rounded up."""

    type: Literal["Percentage"]
    spec: PercentageValue


InstanceSelection = Annotated[CountSelection | PercentageSelection, Field(discriminator="type")]


class CanaryCountValue(Document):
    count: int = Field(ge=1, le=100_000)


class CanaryPercentageValue(Document):
    percentage: int = Field(ge=1, le=100)


class CanaryCount(Document):
    type: Literal["Count"]
    spec: CanaryCountValue


class CanaryPercentage(Document):
    """So many per cent of the copies that are wanted when the step starts, rounded up."""

    type: Literal["Percentage"]
    spec: CanaryPercentageValue


CanarySelection = Annotated[CanaryCount | CanaryPercentage, Field(discriminator="type")]


class CanaryDeploySpec(Document):
    """K8sCanaryDeploy: so many copies of the new version beside the one that runs, at least one."""

    instance_selection: CanarySelection
    skip_dry_run: bool = False


class CanaryDeleteSpec(Document):
    """K8sCanaryDelete: all that K8sCanaryDeploy made goes again. There is nothing to choose."""


class ScaleSpec(Document):
    """K8sScale: `workload` is kind/name, as in Deployment/web."""

    workload: str
    instance_selection: InstanceSelection
    skip_steady_state_check: bool = False


class NamedResources(Document):
    resource_names: tuple[str, ...] = Field(min_length=1)


class ResourceNames(Document):
    type: Literal["ResourceName"]
    spec: NamedResources


class WholeReleaseSpec(Document):
    delete_namespace: Literal[False, "false"] = False


class WholeRelease(Document):
    """All that carries the release's label. The namespace is never deleted."""

    type: Literal["ReleaseName"]
    spec: WholeReleaseSpec = WholeReleaseSpec()


DeletedResources = Annotated[ResourceNames | WholeRelease, Field(discriminator="type")]


class DeleteSpec(Document):
    """K8sDelete."""

    resources: DeletedResources


class Operation(StrEnum):
    """What a record of the history was written for."""

    DEPLOY = "deploy"
    CANARY = "canary"
    CANARY_DELETE = "canary-delete"
    BLUE_GREEN = "blue-green"
    SWAP = "swap"
    APPLY = "apply"
    SCALE = "scale"
    DELETE = "delete"
    ROLL_BACK = "rollback"
