"""The Kubernetes provider: what it declares, and which module carries which verb."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from providers.connectors import Connector, Connectors, ConnectorsError
from providers.errors import ProviderRefused
from providers.interface import Attempt, StepType, Verb
from providers.kubernetes import capture, deleting, deploying, instances, preflight, rollback, scaling
from providers.kubernetes.client import Connection
from providers.kubernetes.cluster import Cluster
from providers.kubernetes.kubeconfig import read_access
from providers.kubernetes.live import Site
from providers.kubernetes.manifests import MANIFEST_TYPE
from providers.kubernetes.values import (
    ApplySpec,
    DeleteSpec,
    KubernetesSnapshot,
    KubernetesTarget,
    PodDetails,
    RollingDeploySpec,
    RollingRollbackSpec,
    ScaleSpec,
)
from providers.values import (
    Change,
    DeploymentType,
    InstanceDetails,
    LiveInstance,
    Obstacle,
    Outcome,
    Release,
)


class ConnectorSpec(BaseModel):
    """The `spec` of a connector of type Kubernetes: a kubeconfig file and, optionally, a context of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kubeconfig: str = Field(min_length=1)
    context: str | None = None


_STEPS = (
    StepType("K8sRollingDeploy", Verb.DEPLOY, RollingDeploySpec),
    StepType("K8sRollingRollback", Verb.ROLL_BACK, RollingRollbackSpec),
    StepType("K8sApply", Verb.DEPLOY, ApplySpec),
    StepType("K8sScale", Verb.DEPLOY, ScaleSpec),
    StepType("K8sDelete", Verb.DEPLOY, DeleteSpec),
)

_SAFEGUARDS = {
    "PATCH application/apply-patch+yaml": "server-side apply of the whole intent: a repetition changes nothing",
    "PATCH application/json-patch+json": "changes who owns fields and nothing else, at the resourceVersion seen",
    "PATCH application/merge-patch+json": "sets values decided before and recorded: a repetition changes nothing",
    "POST secrets": "the record's name carries the next release number and its annotation the step's token, so a "
    "repetition is answered AlreadyExists and the record is recognised",
    "POST namespaces": "a namespace exists once: a repetition is answered AlreadyExists",
    "POST selfsubjectaccessreviews": "a question that the API server answers and does not keep",
    "POST selfsubjectrulesreviews": "a question that the API server answers and does not keep",
    "DELETE": "the uid of the very object that was seen is its precondition",
}


class KubernetesProvider:
    """Workloads and everything beside them, in one namespace of a cluster that a kubeconfig names."""

    deployment_type: DeploymentType = DeploymentType.KUBERNETES
    yaml_type: str = "Kubernetes"
    infrastructure_type: str = "KubernetesDirect"
    connector_type: str = "Kubernetes"
    target_model: type[KubernetesTarget] = KubernetesTarget
    snapshot_model: type[KubernetesSnapshot] = KubernetesSnapshot
    details_model: type[InstanceDetails] = PodDetails
    manifest_types: frozenset[str] = frozenset({MANIFEST_TYPE})
    step_types: Mapping[str, StepType] = {step.name: step for step in _STEPS}
    safeguards: Mapping[str, str] = _SAFEGUARDS

    def __init__(self, connectors: Connectors) -> None:
        self._connectors = connectors
        self._clusters: dict[str, Cluster] = {}

    async def capture(self, target: KubernetesTarget, release: Release) -> KubernetesSnapshot:
        return await capture.capture(self._site(target), release)

    async def deploy(
        self, target: KubernetesTarget, release: Release, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        site = self._site(target)
        match step:
            case RollingDeploySpec():
                return await deploying.roll_out(site, release, step, attempt)
            case ApplySpec():
                return await deploying.apply_manifests(site, release, step, attempt)
            case ScaleSpec():
                return await scaling.scale(site, step, attempt)
            case DeleteSpec():
                return await deleting.delete(site, step, attempt)
            case _:
                raise ProviderRefused(f"Kubernetes has no forward step with a {type(step).__name__}.")

    async def roll_back(
        self, target: KubernetesTarget, snapshot: KubernetesSnapshot, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        if not isinstance(step, RollingRollbackSpec):
            raise ProviderRefused(f"Kubernetes has no rollback step with a {type(step).__name__}.")
        return await rollback.roll_back(self._site(target), snapshot, attempt)

    async def instances(self, target: KubernetesTarget, release: Release) -> tuple[LiveInstance, ...]:
        return await instances.instances(self._site(target), release)

    async def preview(
        self,
        target: KubernetesTarget,
        release: Release,  # noqa: ARG002 - the history says what the release touched
        snapshot: KubernetesSnapshot,
    ) -> tuple[Change, ...]:
        return await preflight.preview(self._site(target), snapshot)

    async def preflight(
        self,
        target: KubernetesTarget,
        release: Release,  # noqa: ARG002 - as in preview
        snapshot: KubernetesSnapshot,
    ) -> tuple[Obstacle, ...]:
        return await preflight.preflight(self._site(target), snapshot)

    async def check(self, connector: str) -> str:
        cluster = self._connect(connector)
        try:
            return f"Kubernetes {await cluster.version()}"
        finally:
            await cluster.close()

    async def close(self) -> None:
        clusters = list(self._clusters.values())
        self._clusters.clear()
        for cluster in clusters:
            await cluster.close()

    def _site(self, target: KubernetesTarget) -> Site:
        cluster = self._clusters.get(target.connector_ref)
        if cluster is None:
            cluster = self._clusters[target.connector_ref] = self._connect(target.connector_ref)
        return Site(cluster, target.namespace, target.release_name)

    def _connect(self, identifier: str) -> Cluster:
        try:
            connector = self._connectors.get(identifier, self.connector_type)
        except ConnectorsError as error:
            raise ProviderRefused(str(error)) from error
        path, spec = _kubeconfig(connector)
        return Cluster(Connection(lambda: read_access(path, spec.context)))


def _kubeconfig(connector: Connector) -> tuple[Path, ConnectorSpec]:
    try:
        spec = ConnectorSpec.model_validate(dict(connector.spec))
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in item["loc"]) for item in error.errors())
        raise ProviderRefused(f'Connector "{connector.identifier}" has an invalid spec: {fields}.') from error
    return connector.directory / Path(spec.kubeconfig).expanduser(), spec
