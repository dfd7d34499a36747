"""The ECS provider: what it declares, and which module carries which verb."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from providers.aws.client import Accounts, who_answers
from providers.aws.connecting import CONNECTOR_TYPE
from providers.connectors import Connectors
from providers.ecs import (
    bluegreen,
    canary,
    capture,
    deploying,
    preflight,
    previewing,
    rollback,
    swapping,
    switching_back,
)
from providers.ecs.cluster import EcsCluster
from providers.ecs.live import Site
from providers.ecs.manifests import MANIFEST_TYPES, service_name
from providers.ecs.scaling import Scaling
from providers.ecs.values import (
    BlueGreenCreateSpec,
    BlueGreenRollbackSpec,
    BlueGreenSwapSpec,
    CanaryDeleteSpec,
    CanaryDeploySpec,
    EcsSnapshot,
    EcsTarget,
    RollingDeploySpec,
    RollingRollbackSpec,
    TaskDetails,
)
from providers.errors import ProviderRefused
from providers.interface import Attempt, ManifestType, StepType, Verb
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
    StepType("EcsRollingDeploy", Verb.DEPLOY, RollingDeploySpec),
    StepType("EcsRollingRollback", Verb.ROLL_BACK, RollingRollbackSpec),
    StepType("EcsCanaryDeploy", Verb.DEPLOY, CanaryDeploySpec),
    StepType("EcsCanaryDelete", Verb.DEPLOY, CanaryDeleteSpec, as_rollback_step=Verb.ROLL_BACK),
    StepType("EcsBlueGreenCreateService", Verb.DEPLOY, BlueGreenCreateSpec),
    StepType("EcsBlueGreenSwapTargetGroups", Verb.DEPLOY, BlueGreenSwapSpec),
    StepType("EcsBlueGreenRollback", Verb.ROLL_BACK, BlueGreenRollbackSpec),
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


class EcsProvider:
    """Services of one cluster, with their scaling and what routes traffic to them."""

    deployment_type: DeploymentType = DeploymentType.ECS
    yaml_type: str = "ECS"
    infrastructure_type: str = "ECS"
    connector_type: str = CONNECTOR_TYPE
    target_model: type[EcsTarget] = EcsTarget
    snapshot_model: type[EcsSnapshot] = EcsSnapshot
    details_model: type[InstanceDetails] = TaskDetails
    manifest_types: Mapping[str, ManifestType] = dict.fromkeys(MANIFEST_TYPES, ManifestType())
    step_types: Mapping[str, StepType] = {step.name: step for step in _STEPS}
    safeguards: Mapping[str, str] = _SAFEGUARDS
    late_words: frozenset[str] = frozenset({"targetGroupArn"})

    def __init__(self, connectors: Connectors) -> None:
        self._accounts = Accounts(connectors)

    async def capture(self, target: EcsTarget, release: Release) -> EcsSnapshot:
        return await capture.capture(self._site(target), release)

    async def deploy(self, target: EcsTarget, release: Release, step: BaseModel, attempt: Attempt) -> Outcome:
        site = self._site(target)
        match step:
            case RollingDeploySpec():
                return await deploying.roll_out(site, release, step, attempt)
            case CanaryDeploySpec():
                return await canary.deploy_canary(site, release, attempt)
            case CanaryDeleteSpec():
                return await canary.delete_canary(site, service_name(release), attempt)
            case BlueGreenCreateSpec():
                return await bluegreen.create_green(site, release, step, attempt)
            case BlueGreenSwapSpec():
                return await swapping.swap(site, release, step, attempt)
            case _:
                raise ProviderRefused(f"ECS has no forward step with a {type(step).__name__}.")

    async def roll_back(
        self, target: EcsTarget, snapshot: EcsSnapshot, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        site = self._site(target)
        match step:
            case RollingRollbackSpec():
                return await rollback.roll_back(site, snapshot, attempt)
            case CanaryDeleteSpec():
                return await canary.delete_canary(site, snapshot.base, attempt)
            case BlueGreenRollbackSpec():
                return await switching_back.switch_back(site, snapshot, step, attempt)
            case _:
                raise ProviderRefused(f"ECS has no rollback step with a {type(step).__name__}.")

    async def instances(self, target: EcsTarget, release: Release) -> tuple[LiveInstance, ...]:
        return await capture.instances(self._site(target), release)

    async def preview(
        self,
        target: EcsTarget,
        release: Release,  # noqa: ARG002 - the snapshot says which services there are
        snapshot: EcsSnapshot,
    ) -> tuple[Change, ...]:
        return await previewing.preview(self._site(target), snapshot)

    async def preflight(
        self,
        target: EcsTarget,
        release: Release,  # noqa: ARG002 - as in preview
        snapshot: EcsSnapshot,
    ) -> tuple[Obstacle, ...]:
        return await preflight.preflight(self._site(target), snapshot)

    async def check(self, connector: str) -> str:
        return await who_answers(self._accounts.at(connector))

    async def close(self) -> None:
        await self._accounts.close()

    def _site(self, target: EcsTarget) -> Site:
        region = self._accounts.at(target.connector_ref, target.region)
        return Site(EcsCluster(region, target.cluster), Scaling(region, target.cluster))
