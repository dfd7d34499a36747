"""The TAS provider: what it declares."""

from __future__ import annotations

from collections.abc import Mapping

from providers.interface import Leftover, ManifestType, StepType, Verb
from providers.platform import Platform
from providers.tas import specs
from providers.tas.values import (
    CONNECTOR_TYPE,
    MANIFEST_TYPE,
    VARIABLES_TYPE,
    AppInstanceDetails,
    TasSnapshot,
    TasTarget,
)
from providers.values import DeploymentType, InstanceDetails

_BESIDE = Leftover(
    "The new app shares its routes with the old one, NAME__INACTIVE, until they are swapped; AppRollback among "
    "the rollbackSteps brings back what was before, and so does the next setup before it begins.",
    until=frozenset({"SwapRoutes"}),
)
_COLOUR = Leftover(
    "The new app, NAME__INACTIVE, has only temporary routes until the swap; SwapRollback among the rollbackSteps "
    "removes it, and so does the next setup before it begins.",
    until=frozenset({"SwapRoutes"}),
)
_SWAPPED = Leftover(
    "The routes may lead to the new app; SwapRoutes or SwapRollback among the rollbackSteps leads them back."
)

_STEPS = (
    StepType("TasRollingDeploy", Verb.DEPLOY, specs.RollingDeploySpec),
    StepType("TasRollingRollback", Verb.ROLL_BACK, specs.RollingRollbackSpec),
    StepType("BasicAppSetup", Verb.DEPLOY, specs.BasicSetupSpec, leftover=_BESIDE),
    StepType("CanaryAppSetup", Verb.DEPLOY, specs.CanarySetupSpec, leftover=_BESIDE),
    StepType("BGAppSetup", Verb.DEPLOY, specs.BlueGreenSetupSpec, leftover=_COLOUR),
    StepType("AppResize", Verb.DEPLOY, specs.ResizeSpec),
    StepType("SwapRoutes", Verb.DEPLOY, specs.SwapSpec, as_rollback_step=Verb.ROLL_BACK, leftover=_SWAPPED),
    StepType("AppRollback", Verb.ROLL_BACK, specs.AppRollbackSpec),
    StepType("SwapRollback", Verb.ROLL_BACK, specs.SwapRollbackSpec),
)


_SAFEGUARDS = {
    "POST /v3/apps": "a name is free only once in a space; the app is looked for before each try",
    "POST /v3/packages": "labelled with the step's token and looked for by it before each try",
    "POST /v3/builds": "labelled with the step's token and looked for by it before each try",
    "POST /v3/deployments": "labelled with the step's token and looked for by it before each try",
    "POST /v3/routes": "an address is free only once; the route is looked for before each try",
    "POST destinations": "a destination that is there already is not inserted again",
    "POST actions/scale": "sets counts and limits decided before: a repetition changes nothing",
    "POST actions/start": "an app that is started stays as it is",
    "POST actions/stop": "an app that is stopped stays as it is",
    "POST actions/cancel": "only a deployment that was seen under way, by its guid",
    "PATCH": "sets values decided before: a repetition changes nothing",
    "DELETE": "names the very thing that was seen by its guid; one that is gone is gone",
}


class TasProvider(Platform[TasTarget, TasSnapshot]):
    """Apps in one space of a foundation that speaks the Cloud Foundry API v3."""

    deployment_type: DeploymentType = DeploymentType.TAS
    yaml_type: str = "TAS"
    infrastructure_type: str = "TAS"
    connector_type: str = CONNECTOR_TYPE
    target_model: type[TasTarget] = TasTarget
    snapshot_model: type[TasSnapshot] = TasSnapshot
    details_model: type[InstanceDetails] = AppInstanceDetails
    manifest_types: Mapping[str, ManifestType] = dict.fromkeys((MANIFEST_TYPE, VARIABLES_TYPE), ManifestType())
    step_types: Mapping[str, StepType] = {step.name: step for step in _STEPS}
    late_words: frozenset[str] = frozenset()
    safeguards: Mapping[str, str] = _SAFEGUARDS
    verbs: str = "providers.tas.verbs:TasVerbs"
