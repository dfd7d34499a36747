"""The Kubernetes provider: what it declares, and which module carries which verb."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from providers.connectors import Connectors
from providers.errors import ProviderRefused
from providers.interface import Attempt, ManifestType, StepType, Verb
from providers.kubernetes import (
    bluegreen,
    canary,
    capture,
    deleting,
    deploying,
    instances,
    preflight,
    rollback,
    scaling,
)
from providers.kubernetes.connecting import CONNECTOR_TYPE, Clusters
from providers.kubernetes.live import Site
from providers.kubernetes.manifests import MANIFEST_TYPE
from providers.kubernetes.values import (
    ApplySpec,
    BlueGreenDeploySpec,
    CanaryDeleteSpec,
    CanaryDeploySpec,
    DeleteSpec,
    KubernetesSnapshot,
    KubernetesTarget,
    ManifestOptions,
    PodDetails,
    RollingDeploySpec,
    RollingRollbackSpec,
    ScaleSpec,
    SwapServicesSpec,
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

_STEPS = (
    StepType("K8sRollingDeploy", Verb.DEPLOY, RollingDeploySpec),
    StepType("K8sRollingRollback", Verb.ROLL_BACK, RollingRollbackSpec),
    StepType("K8sCanaryDeploy", Verb.DEPLOY, CanaryDeploySpec),
    StepType("K8sCanaryDelete", Verb.DEPLOY, CanaryDeleteSpec, as_rollback_step=Verb.ROLL_BACK),
    StepType("K8sBlueGreenDeploy", Verb.DEPLOY, BlueGreenDeploySpec),
    StepType("K8sBGSwapServices", Verb.DEPLOY, SwapServicesSpec, as_rollback_step=Verb.ROLL_BACK),
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
    connector_type: str = CONNECTOR_TYPE
    target_model: type[KubernetesTarget] = KubernetesTarget
    snapshot_model: type[KubernetesSnapshot] = KubernetesSnapshot
    details_model: type[InstanceDetails] = PodDetails
    manifest_types: Mapping[str, ManifestType] = {MANIFEST_TYPE: ManifestType(ManifestOptions)}
    step_types: Mapping[str, StepType] = {step.name: step for step in _STEPS}
    safeguards: Mapping[str, str] = _SAFEGUARDS
    late_words: frozenset[str] = frozenset()

    def __init__(self, connectors: Connectors) -> None:
        self._clusters = Clusters(connectors)

    async def capture(self, target: KubernetesTarget, release: Release) -> KubernetesSnapshot:
        return await capture.capture(self._site(target), release)

    async def deploy(
        self, target: KubernetesTarget, release: Release, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        site = self._site(target)
        match step:
            case RollingDeploySpec():
                outcome = deploying.roll_out(site, release, step, attempt)
            case CanaryDeploySpec():
                outcome = canary.deploy(site, release, step, attempt)
            case CanaryDeleteSpec():
                outcome = canary.delete(site, attempt)
            case BlueGreenDeploySpec():
                outcome = bluegreen.deploy(site, release, step, attempt)
            case SwapServicesSpec():
                outcome = bluegreen.swap(site, release, step, attempt)
            case ApplySpec():
                outcome = deploying.apply_manifests(site, release, step, attempt)
            case ScaleSpec():
                outcome = scaling.scale(site, step, attempt)
            case DeleteSpec():
                outcome = deleting.delete(site, step, attempt)
            case _:
                raise ProviderRefused(f"Kubernetes has no forward step with a {type(step).__name__}.")
        return await outcome

    async def roll_back(
        self, target: KubernetesTarget, snapshot: KubernetesSnapshot, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        site = self._site(target)
        match step:
            case RollingRollbackSpec() | SwapServicesSpec():
                return await rollback.roll_back(site, snapshot, attempt)
            case CanaryDeleteSpec():
                return await canary.delete_for_rollback(site, snapshot, attempt)
            case _:
                raise ProviderRefused(f"Kubernetes has no rollback step with a {type(step).__name__}.")

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
        return f"Kubernetes {await self._clusters.get(connector).version()}"

    async def close(self) -> None:
        await self._clusters.close()

    def _site(self, target: KubernetesTarget) -> Site:
        return Site(self._clusters.get(target.connector_ref), target.namespace, target.release_name)
