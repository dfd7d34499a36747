"""The Auto Scaling provider: what it declares, and which module carries which verb."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from providers.asg import bluegreen, canary, capturing, checking, deploying, instances, restoring
from providers.asg.manifests import MANIFEST_TYPES
from providers.asg.site import Site, Work
from providers.asg.values import (
    AsgDetails,
    AsgSnapshot,
    AsgTarget,
    BlueGreenDeploySpec,
    BlueGreenRollbackSpec,
    CanaryDeleteSpec,
    CanaryDeploySpec,
    RollingDeploySpec,
    RollingRollbackSpec,
    SwapServiceSpec,
)
from providers.aws.client import Accounts, Region, who_answers
from providers.aws.connecting import CONNECTOR_TYPE
from providers.connectors import Connectors
from providers.errors import ProviderRefused
from providers.interface import Attempt, ManifestType, StepType, Verb
from providers.values import Change, DeploymentType, InstanceDetails, LiveInstance, Obstacle, Outcome, Release

_STEPS = (
    StepType("AsgRollingDeploy", Verb.DEPLOY, RollingDeploySpec),
    StepType("AsgRollingRollback", Verb.ROLL_BACK, RollingRollbackSpec),
    StepType("AsgCanaryDeploy", Verb.DEPLOY, CanaryDeploySpec),
    StepType("AsgCanaryDelete", Verb.DEPLOY, CanaryDeleteSpec, as_rollback_step=Verb.ROLL_BACK),
    StepType("AsgBlueGreenDeploy", Verb.DEPLOY, BlueGreenDeploySpec),
    StepType("AsgBlueGreenSwapService", Verb.DEPLOY, SwapServiceSpec, as_rollback_step=Verb.ROLL_BACK),
    StepType("AsgBlueGreenRollback", Verb.ROLL_BACK, BlueGreenRollbackSpec),
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
    "instances that match it are not replaced",
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


class AsgProvider:
    """Auto Scaling groups in one region of an account."""

    deployment_type: DeploymentType = DeploymentType.ASG
    yaml_type: str = "Asg"
    infrastructure_type: str = "Asg"
    connector_type: str = CONNECTOR_TYPE
    target_model: type[AsgTarget] = AsgTarget
    snapshot_model: type[AsgSnapshot] = AsgSnapshot
    details_model: type[InstanceDetails] = AsgDetails
    manifest_types: Mapping[str, ManifestType] = dict.fromkeys(MANIFEST_TYPES, ManifestType())
    step_types: Mapping[str, StepType] = {step.name: step for step in _STEPS}
    safeguards: Mapping[str, str] = _SAFEGUARDS
    late_words: frozenset[str] = frozenset()

    def __init__(self, connectors: Connectors) -> None:
        self._accounts = Accounts(connectors)

    async def capture(self, target: AsgTarget, release: Release) -> AsgSnapshot:
        return await capturing.capture(Site(self._region(target)), release)

    async def deploy(self, target: AsgTarget, release: Release, step: BaseModel, attempt: Attempt) -> Outcome:
        work = Work(self._region(target), attempt)
        match step:
            case RollingDeploySpec():
                return await deploying.roll_out(work, release, step)
            case CanaryDeploySpec():
                return await canary.deploy(work, release, step)
            case CanaryDeleteSpec():
                return await canary.delete_of_release(work, release)
            case BlueGreenDeploySpec():
                return await bluegreen.deploy(work, release, step)
            case SwapServiceSpec():
                return await bluegreen.swap(work, release, step)
            case _:
                raise ProviderRefused(f"Auto Scaling has no forward step with a {type(step).__name__}.")

    async def roll_back(
        self, target: AsgTarget, snapshot: AsgSnapshot, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        work = Work(self._region(target), attempt)
        match step:
            case RollingRollbackSpec() | BlueGreenRollbackSpec() | SwapServiceSpec():
                return await restoring.roll_back(work, snapshot)
            case CanaryDeleteSpec():
                return await canary.delete(work, snapshot.name)
            case _:
                raise ProviderRefused(f"Auto Scaling has no rollback step with a {type(step).__name__}.")

    async def instances(self, target: AsgTarget, release: Release) -> tuple[LiveInstance, ...]:
        return await instances.instances(Site(self._region(target)), release)

    async def preview(
        self,
        target: AsgTarget,
        release: Release,  # noqa: ARG002 - the snapshot names the groups
        snapshot: AsgSnapshot,
    ) -> tuple[Change, ...]:
        return await checking.preview(Site(self._region(target)), snapshot)

    async def preflight(
        self,
        target: AsgTarget,
        release: Release,  # noqa: ARG002 - as in preview
        snapshot: AsgSnapshot,
    ) -> tuple[Obstacle, ...]:
        return await checking.obstacles(Site(self._region(target)), snapshot)

    async def check(self, connector: str) -> str:
        return await who_answers(self._accounts.at(connector))

    async def close(self) -> None:
        await self._accounts.close()

    def _region(self, target: AsgTarget) -> Region:
        return self._accounts.at(target.connector_ref, target.region)
