"""The Kubernetes provider: what it declares."""

from __future__ import annotations

from collections.abc import Mapping

from providers.interface import Leftover, ManifestType, StepType, Verb
from providers.kubernetes import values
from providers.kubernetes.values import KubernetesSnapshot, KubernetesTarget
from providers.platform import Platform
from providers.values import DeploymentType, InstanceDetails

_CANARY = Leftover(
    "The canary takes its share of the traffic until a K8sCanaryDelete step removes it.",
    until=frozenset({"K8sCanaryDelete"}),
)
_COLOUR = Leftover(
    "The new colour does not serve; the next K8sBlueGreenDeploy takes its place, and a K8sDelete step removes it.",
    until=frozenset({"K8sBGSwapServices"}),
)
_SWAPPED = Leftover(
    "The primary Service may lead to the new colour; K8sBGSwapServices among the rollbackSteps leads it back."
)

_STEPS = (
    StepType("K8sRollingDeploy", Verb.DEPLOY, values.RollingDeploySpec),
    StepType("K8sRollingRollback", Verb.ROLL_BACK, values.RollingRollbackSpec),
    StepType("K8sCanaryDeploy", Verb.DEPLOY, values.CanaryDeploySpec, leftover=_CANARY),
    StepType("K8sCanaryDelete", Verb.DEPLOY, values.CanaryDeleteSpec, as_rollback_step=Verb.ROLL_BACK),
    StepType("K8sBlueGreenDeploy", Verb.DEPLOY, values.BlueGreenDeploySpec, leftover=_COLOUR),
    StepType(
        "K8sBGSwapServices",
        Verb.DEPLOY,
        values.SwapServicesSpec,
        as_rollback_step=Verb.ROLL_BACK,
        leftover=_SWAPPED,
    ),
    StepType("K8sApply", Verb.DEPLOY, values.ApplySpec),
    StepType("K8sScale", Verb.DEPLOY, values.ScaleSpec),
    StepType("K8sDelete", Verb.DEPLOY, values.DeleteSpec),
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


class KubernetesProvider(Platform[KubernetesTarget, KubernetesSnapshot]):
    """Workloads and everything beside them, in one namespace of a cluster that a kubeconfig names."""

    deployment_type: DeploymentType = DeploymentType.KUBERNETES
    yaml_type: str = "Kubernetes"
    infrastructure_type: str = "KubernetesDirect"
    connector_type: str = values.CONNECTOR_TYPE
    target_model: type[KubernetesTarget] = KubernetesTarget
    snapshot_model: type[KubernetesSnapshot] = KubernetesSnapshot
    details_model: type[InstanceDetails] = values.PodDetails
    manifest_types: Mapping[str, ManifestType] = {values.MANIFEST_TYPE: ManifestType(values.ManifestOptions)}
    step_types: Mapping[str, StepType] = {step.name: step for step in _STEPS}
    safeguards: Mapping[str, str] = _SAFEGUARDS
    late_words: frozenset[str] = frozenset()
    verbs: str = "providers.kubernetes.verbs:KubernetesVerbs"
