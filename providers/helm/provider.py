"""The Native Helm provider: what it declares."""

from __future__ import annotations

from collections.abc import Mapping

from providers.helm.values import (
    CHART,
    HTTP,
    HTTP_CONNECTOR,
    OCI,
    OCI_CONNECTOR,
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
from providers.interface import ManifestType, StepType, Verb
from providers.kubernetes.values import CONNECTOR_TYPE
from providers.platform import Platform
from providers.values import DeploymentType, InstanceDetails

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


class HelmProvider(Platform[HelmTarget, HelmSnapshot]):
    """One Helm release in one namespace of a cluster that a kubeconfig names."""

    deployment_type: DeploymentType = DeploymentType.NATIVE_HELM
    yaml_type: str = "NativeHelm"
    infrastructure_type: str = "KubernetesDirect"
    connector_type: str = CONNECTOR_TYPE
    source_connector_types: frozenset[str] = frozenset({HTTP_CONNECTOR, OCI_CONNECTOR})
    target_model: type[HelmTarget] = HelmTarget
    snapshot_model: type[HelmSnapshot] = HelmSnapshot
    details_model: type[InstanceDetails] = HelmPodDetails
    manifest_types: Mapping[str, ManifestType] = _MANIFESTS
    step_types: Mapping[str, StepType] = {step.name: step for step in _STEPS}
    late_words: frozenset[str] = frozenset()
    safeguards: Mapping[str, str] = _SAFEGUARDS
    verbs: str = "providers.helm.verbs:HelmVerbs"
