"""The Auto Scaling provider: what it declares."""

from __future__ import annotations

from collections.abc import Mapping

from providers.asg import values
from providers.asg.values import AsgSnapshot, AsgTarget
from providers.aws.values import CONNECTOR_TYPE
from providers.interface import Leftover, ManifestType, StepType, Verb
from providers.platform import Platform
from providers.values import DeploymentType, InstanceDetails

_CANARY = Leftover(
    "The canary takes its share of the traffic until an AsgCanaryDelete step removes it.",
    until=frozenset({"AsgCanaryDelete"}),
)
_COLOUR = Leftover(
    "The new colour has no production traffic; the next AsgBlueGreenDeploy takes its place, and "
    "AsgBlueGreenRollback among the rollbackSteps removes it.",
    until=frozenset({"AsgBlueGreenSwapService"}),
)
_SWAPPED = Leftover(
    "Production may lead to the new colour; AsgBlueGreenRollback among the rollbackSteps leads it back."
)

_STEPS = (
    StepType("AsgRollingDeploy", Verb.DEPLOY, values.RollingDeploySpec),
    StepType("AsgRollingRollback", Verb.ROLL_BACK, values.RollingRollbackSpec),
    StepType("AsgCanaryDeploy", Verb.DEPLOY, values.CanaryDeploySpec, leftover=_CANARY),
    StepType("AsgCanaryDelete", Verb.DEPLOY, values.CanaryDeleteSpec, as_rollback_step=Verb.ROLL_BACK),
    StepType("AsgBlueGreenDeploy", Verb.DEPLOY, values.BlueGreenDeploySpec, leftover=_COLOUR),
    StepType(
        "AsgBlueGreenSwapService",
        Verb.DEPLOY,
        values.SwapServiceSpec,
        as_rollback_step=Verb.ROLL_BACK,
        leftover=_SWAPPED,
    ),
    StepType("AsgBlueGreenRollback", Verb.ROLL_BACK, values.BlueGreenRollbackSpec),
)

_WHOLE = "sets values decided before: a repetition changes nothing more"
_SAFEGUARDS = {
    "ec2:CreateLaunchTemplate": "its ClientToken is derived from the step's token",
    "ec2:CreateLaunchTemplateVersion": "its ClientToken is derived from the step's token, and so is the version's "
    "description, by which a version made before is found first",
    "ec2:CreateTags": _WHOLE,
    "ec2:DeleteLaunchTemplate": "the id of the very template that was seen",
    "ec2:DeleteLaunchTemplateVersions": "the id and the numbers of the very versions that were seen",
    "autoscaling:CreateAutoScalingGroup": "a name exists once: a repetition is answered AlreadyExists",
    "autoscaling:DeleteAutoScalingGroup": "a group in the middle of being deleted is only waited for",
    "autoscaling:UpdateAutoScalingGroup": _WHOLE,
    "autoscaling:StartInstanceRefresh": "only one can go on; its desired configuration tells whose it is; "
    "after a lost answer the newest one is looked at first; instances that match it are not replaced",
    "autoscaling:CancelInstanceRefresh": "where nothing goes on it is answered ActiveInstanceRefreshNotFound",
    "autoscaling:CreateOrUpdateTags": _WHOLE,
    "autoscaling:DeleteTags": _WHOLE,
    "autoscaling:AttachLoadBalancerTargetGroups": _WHOLE,
    "autoscaling:DetachLoadBalancerTargetGroups": "only what was seen attached is detached",
    "autoscaling:PutLifecycleHook": _WHOLE,
    "autoscaling:DeleteLifecycleHook": "only what was seen is deleted",
    "autoscaling:PutScalingPolicy": _WHOLE,
    "autoscaling:DeletePolicy": "only what was seen is deleted",
    "autoscaling:PutScheduledUpdateGroupAction": _WHOLE,
    "autoscaling:DeleteScheduledAction": "only what was seen is deleted",
    "autoscaling:SuspendProcesses": _WHOLE,
    "autoscaling:ResumeProcesses": _WHOLE,
    "elasticloadbalancing:ModifyListener": _WHOLE,
    "elasticloadbalancing:ModifyRule": _WHOLE,
}


class AsgProvider(Platform[AsgTarget, AsgSnapshot]):
    """Auto Scaling groups in one region of an account."""

    deployment_type: DeploymentType = DeploymentType.ASG
    yaml_type: str = "Asg"
    infrastructure_type: str = "Asg"
    connector_type: str = CONNECTOR_TYPE
    target_model: type[AsgTarget] = AsgTarget
    snapshot_model: type[AsgSnapshot] = AsgSnapshot
    details_model: type[InstanceDetails] = values.AsgDetails
    manifest_types: Mapping[str, ManifestType] = dict.fromkeys(values.MANIFEST_TYPES, ManifestType())
    step_types: Mapping[str, StepType] = {step.name: step for step in _STEPS}
    safeguards: Mapping[str, str] = _SAFEGUARDS
    late_words: frozenset[str] = frozenset()
    verbs: str = "providers.asg.verbs:AsgVerbs"
