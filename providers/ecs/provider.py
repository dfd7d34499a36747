"""The ECS provider: what it declares."""

from __future__ import annotations

from collections.abc import Mapping

from providers.aws.values import CONNECTOR_TYPE
from providers.ecs import values
from providers.ecs.values import EcsSnapshot, EcsTarget
from providers.interface import Leftover, ManifestType, StepType, Verb
from providers.platform import Platform
from providers.values import DeploymentType, InstanceDetails

_CANARY = Leftover(
    "The canary takes its share of the traffic until an EcsCanaryDelete step removes it.",
    until=frozenset({"EcsCanaryDelete"}),
)
_COLOUR = Leftover(
    "The new colour has no production traffic; the next EcsBlueGreenCreateService takes its place, and "
    "EcsBlueGreenRollback among the rollbackSteps removes it.",
    until=frozenset({"EcsBlueGreenSwapTargetGroups"}),
)
_SWAPPED = Leftover(
    "Production may lead to the new colour; EcsBlueGreenRollback among the rollbackSteps leads it back."
)

_STEPS = (
    StepType("EcsRollingDeploy", Verb.DEPLOY, values.RollingDeploySpec),
    StepType("EcsRollingRollback", Verb.ROLL_BACK, values.RollingRollbackSpec),
    StepType("EcsCanaryDeploy", Verb.DEPLOY, values.CanaryDeploySpec, leftover=_CANARY),
    StepType("EcsCanaryDelete", Verb.DEPLOY, values.CanaryDeleteSpec, as_rollback_step=Verb.ROLL_BACK),
    StepType("EcsBlueGreenCreateService", Verb.DEPLOY, values.BlueGreenCreateSpec, leftover=_COLOUR),
    StepType("EcsBlueGreenSwapTargetGroups", Verb.DEPLOY, values.BlueGreenSwapSpec, leftover=_SWAPPED),
    StepType("EcsBlueGreenRollback", Verb.ROLL_BACK, values.BlueGreenRollbackSpec),
)

_SAFEGUARDS = {
    "ecs:RegisterTaskDefinition": "the revision carries the attempt's token as a tag: before it is registered, "
    "also after a lost answer, the newest revisions are looked through for it",
    "ecs:CreateService": "the client token is made of the attempt's token",
    "ecs:UpdateService": "only sent if the service differs from what is wanted, and if its newest deployment is "
    "the one that the decision was made on; after a lost answer the service is looked at first",
    "ecs:DeleteService": "a service is deleted once: a repetition is answered that it is not active",
    "ecs:TagResource": "sets values decided before: a repetition changes nothing",
    "elasticloadbalancing:ModifyRule": "sets actions decided before: a repetition changes nothing",
    "elasticloadbalancing:ModifyListener": "sets actions decided before: a repetition changes nothing",
    "application-autoscaling:RegisterScalableTarget": "sets values decided before: a repetition changes nothing",
    "application-autoscaling:DeregisterScalableTarget": "a target is removed once: a repetition is answered that "
    "there is none",
    "application-autoscaling:PutScalingPolicy": "sets values decided before: a repetition changes nothing",
    "application-autoscaling:DeleteScalingPolicy": "a policy is deleted once: a repetition is answered that there "
    "is none",
}


class EcsProvider(Platform[EcsTarget, EcsSnapshot]):
    """Services of one cluster, with their scaling and what routes traffic to them."""

    deployment_type: DeploymentType = DeploymentType.ECS
    yaml_type: str = "ECS"
    infrastructure_type: str = "ECS"
    connector_type: str = CONNECTOR_TYPE
    target_model: type[EcsTarget] = EcsTarget
    snapshot_model: type[EcsSnapshot] = EcsSnapshot
    details_model: type[InstanceDetails] = values.TaskDetails
    manifest_types: Mapping[str, ManifestType] = dict.fromkeys(values.MANIFEST_TYPES, ManifestType())
    step_types: Mapping[str, StepType] = {step.name: step for step in _STEPS}
    safeguards: Mapping[str, str] = _SAFEGUARDS
    late_words: frozenset[str] = frozenset({"targetGroupArn"})
    verbs: str = "providers.ecs.verbs:EcsVerbs"
