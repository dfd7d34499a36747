"""The `spec` of each step, by the reference's public YAML."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from providers.values import Document


class RollingDeploySpec(Document):
    """TasRollingDeploy. `additional_routes` are mapped beside those of the manifest."""

    additional_routes: tuple[str, ...] = ()


class RollbackSpec(Document):
    """Nothing to choose: the snapshot says it all."""


class RollingRollbackSpec(RollbackSpec):
    """TasRollingRollback."""


class AppRollbackSpec(RollbackSpec):
    """AppRollback: the way back of basic and canary."""


InstanceCountType = Literal["FromManifest", "MatchRunningInstances"]


class SetupSpec(Document):
    """BasicAppSetup and CanaryAppSetup: a new app beside the old one, without instances yet.

    `existing_version_to_keep` is how many apps older than the previous one stay.
    """

    tas_instance_count_type: InstanceCountType = "FromManifest"
    existing_version_to_keep: int = Field(default=0, ge=0, le=9)
    additional_routes: tuple[str, ...] = ()


class BasicSetupSpec(SetupSpec):
    """BasicAppSetup."""


class CanarySetupSpec(SetupSpec):
    """CanaryAppSetup."""


class BlueGreenSetupSpec(SetupSpec):
    """BGAppSetup: the new app runs at full size on `temp_routes` until the routes are swapped."""

    temp_routes: tuple[str, ...] = ()


class CountValue(Document):
    value: int = Field(ge=0, le=100_000)


class PercentageValue(Document):
    value: int = Field(ge=0, le=100)


class SomeCountValue(Document):
    value: int = Field(ge=1, le=100_000)


class SomePercentageValue(Document):
    value: int = Field(ge=1, le=100)


class Percentage(Document):
    """So many per cent of the wanted instances, rounded up."""

    type: Literal["Percentage"]
    spec: PercentageValue


class Count(Document):
    type: Literal["Count"]
    spec: CountValue


class SomePercentage(Document):
    type: Literal["Percentage"]
    spec: SomePercentageValue


class SomeCount(Document):
    type: Literal["Count"]
    spec: SomeCountValue


Amount = Annotated[Percentage | Count, Field(discriminator="type")]
SomeAmount = Annotated[SomePercentage | SomeCount, Field(discriminator="type")]


class ResizeSpec(Document):
    """AppResize: the new app has at least one instance then, the old one perhaps none.

    Without `old_app_instances` the old app gives up as many as the new one has.
    """

    new_app_instances: SomeAmount
    old_app_instances: Amount | None = None


class SwapSpec(Document):
    """SwapRoutes: the old app's routes lead to the new one; it stops where `down_size_old_application` says so."""

    down_size_old_application: bool = False


class SwapRollbackSpec(Document):
    """SwapRollback. The old app always comes back at its size and the undone one goes, so the keys are accepted
    for the sake of existing files and change nothing."""

    down_size_old_application: bool = True
    upsize_in_active_app: bool = True
