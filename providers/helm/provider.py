"""The Native Helm provider: what it declares, and which module carries which verb."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from providers.connectors import Connectors
from providers.errors import ProviderRefused
from providers.helm import capture, deploying, instances, preflight, rollback
from providers.helm.binary import Binaries
from providers.helm.helm import Helm
from providers.helm.values import (
    CHART,
    HTTP,
    OCI,
    VALUES,
    ChartOptions,
    HelmDeploySpec,
    HelmPodDetails,
    HelmRollbackSpec,
    HelmSnapshot,
    HelmTarget,
    HttpStore,
    OciStore,
)
from providers.interface import Attempt, ManifestType, StepType, Verb
from providers.kubernetes.connecting import CONNECTOR_TYPE, Clusters
from providers.kubernetes.live import Site
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
    StepType("HelmDeploy", Verb.DEPLOY, HelmDeploySpec),
    StepType("HelmRollback", Verb.ROLL_BACK, HelmRollbackSpec),
)

_MANIFESTS = {
    CHART: ManifestType(ChartOptions, {HTTP: HttpStore, OCI: OciStore}, directory_with="Chart.yaml"),
    VALUES: ManifestType(),
}

_SAFEGUARDS = {
    "helm upgrade": "a label of its revision has the step's token and the number it was to get: looked for first",
    "helm rollback": "to a revision named by number; the newest revision and the live objects are compared first",
    "helm uninstall": "of a release that is there: one that is gone is left alone",
    "PATCH application/apply-patch+yaml": "server-side apply of a whole state: a repetition changes nothing",
    "PATCH application/json-patch+json": "changes who owns fields and nothing else, at the resourceVersion seen",
    "PATCH application/merge-patch+json": "a label with a value decided before: a repetition changes nothing",
    "POST secrets": "the name carries the revision whose state is kept: a repetition finds it",
    "POST selfsubjectaccessreviews": "a question that the API server answers and does not keep",
    "POST selfsubjectrulesreviews": "a question that the API server answers and does not keep",
    "DELETE": "the uid of the very Secret that was seen is its precondition",
}


class HelmProvider:
    """One Helm release in one namespace of a cluster that a kubeconfig names."""

    deployment_type: DeploymentType = DeploymentType.NATIVE_HELM
    yaml_type: str = "NativeHelm"
    infrastructure_type: str = "KubernetesDirect"
    connector_type: str = CONNECTOR_TYPE
    target_model: type[HelmTarget] = HelmTarget
    snapshot_model: type[HelmSnapshot] = HelmSnapshot
    details_model: type[InstanceDetails] = HelmPodDetails
    manifest_types: Mapping[str, ManifestType] = _MANIFESTS
    step_types: Mapping[str, StepType] = {step.name: step for step in _STEPS}
    late_words: frozenset[str] = frozenset()
    safeguards: Mapping[str, str] = _SAFEGUARDS

    def __init__(self, connectors: Connectors) -> None:
        self._connectors = connectors
        self._clusters = Clusters(connectors)
        self._binaries = Binaries()

    async def capture(self, target: HelmTarget, release: Release) -> HelmSnapshot:
        return await capture.capture(self._site(target), release)

    async def deploy(self, target: HelmTarget, release: Release, step: BaseModel, attempt: Attempt) -> Outcome:
        if not isinstance(step, HelmDeploySpec):
            raise ProviderRefused(f"Helm has no forward step with a {type(step).__name__}.")
        return await deploying.deploy(self._helm(target), self._connectors, release, attempt)

    async def roll_back(
        self, target: HelmTarget, snapshot: HelmSnapshot, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        if not isinstance(step, HelmRollbackSpec):
            raise ProviderRefused(f"Helm has no rollback step with a {type(step).__name__}.")
        return await rollback.roll_back(self._helm(target), snapshot, step, attempt)

    async def instances(self, target: HelmTarget, release: Release) -> tuple[LiveInstance, ...]:
        return await instances.instances(self._site(target), release)

    async def preview(
        self,
        target: HelmTarget,
        release: Release,  # noqa: ARG002 - Helm's records say what the release was
        snapshot: HelmSnapshot,
    ) -> tuple[Change, ...]:
        return await preflight.preview(self._site(target), snapshot)

    async def preflight(
        self,
        target: HelmTarget,
        release: Release,  # noqa: ARG002 - as in preview
        snapshot: HelmSnapshot,
    ) -> tuple[Obstacle, ...]:
        return await preflight.preflight(self._site(target), snapshot)

    async def check(self, connector: str) -> str:
        return f"Kubernetes {await self._clusters.get(connector).version()}"

    async def close(self) -> None:
        await self._clusters.close()

    def _site(self, target: HelmTarget) -> Site:
        return Site(self._clusters.get(target.connector_ref), target.namespace, target.release_name)

    def _helm(self, target: HelmTarget) -> Helm:
        return Helm(self._clusters, self._binaries, target.connector_ref, self._site(target))
