"""The interface every platform implements, and what it declares about itself.

Each verb takes values and returns values; all raise only `providers.errors.ProviderError` subclasses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from pydantic import BaseModel

from providers.values import (
    Change,
    DeploymentType,
    InstanceDetails,
    LiveInstance,
    Obstacle,
    Outcome,
    Progress,
    Release,
    Snapshot,
)

TargetT = TypeVar("TargetT", bound=BaseModel)
SnapshotT = TypeVar("SnapshotT", bound=Snapshot)


class Verb(StrEnum):
    """Which verb of the provider carries a step."""

    DEPLOY = "DEPLOY"
    ROLL_BACK = "ROLL_BACK"


@dataclass(frozen=True)
class StepType:
    """A step of the pipeline YAML that this platform carries, with the model of its `spec`."""

    name: str
    verb: Verb
    spec_model: type[BaseModel]


class Attempt(Protocol):
    """One try at a step, as the caller sees it.

    `token` is the same for every repetition of the same step of the same execution, also after a crash, and
    different for any other: the idempotency token. `seconds_left` is what remains of the step's timeout; the
    caller enforces it by cancelling the coroutine.
    """

    @property
    def token(self) -> str: ...

    @property
    def seconds_left(self) -> float: ...

    async def report(self, progress: Progress) -> None:
        """Tell how far the platform is; equal observations in a row are told once."""
        ...

    async def before_effect(self) -> None:
        """Await this directly before each request that changes something at the platform.

        Raises if this process may no longer act for the execution.
        """
        ...


class Provider(Protocol[TargetT, SnapshotT]):
    """One platform. Every verb is idempotent: repeated with the same token it takes effect once.

    The declarations: `yaml_type` is the deployment type as the YAML spells it; `infrastructure_type` the YAML
    `type` and `target_model` the model of the `spec` of an infrastructure definition (frozen; camelCase aliases;
    unknown keys refused); `manifest_types` the manifest types a service may carry; `step_types` the steps;
    `details_model` what an instance shows of itself; and `safeguards` names, for each call that changes
    something, the token or precondition that makes it safe to repeat.
    """

    deployment_type: DeploymentType
    yaml_type: str
    infrastructure_type: str
    connector_type: str
    target_model: type[TargetT]
    snapshot_model: type[SnapshotT]
    details_model: type[InstanceDetails]
    manifest_types: frozenset[str]
    step_types: Mapping[str, StepType]
    safeguards: Mapping[str, str]

    async def capture(self, target: TargetT, release: Release) -> SnapshotT:
        """Record the target as it is, before `release` is deployed to it. Changes nothing."""
        ...

    async def deploy(self, target: TargetT, release: Release, step: BaseModel, attempt: Attempt) -> Outcome:
        """Do a forward step and wait until the platform has finished it. `step` is the step type's spec."""
        ...

    async def roll_back(self, target: TargetT, snapshot: SnapshotT, step: BaseModel, attempt: Attempt) -> Outcome:
        """Bring the target back to `snapshot` and wait until it is there; SKIPPED if it already is.

        With a snapshot that did not exist (a first deployment that failed midway), removes what the
        deployment created and nothing else.
        """
        ...

    async def instances(self, target: TargetT, release: Release) -> tuple[LiveInstance, ...]:
        """The live copies at this moment, in a stable order."""
        ...

    async def preview(self, target: TargetT, release: Release, snapshot: SnapshotT) -> tuple[Change, ...]:
        """What `roll_back` to `snapshot` would change, read from the live state. Changes nothing."""
        ...

    async def preflight(self, target: TargetT, release: Release, snapshot: SnapshotT) -> tuple[Obstacle, ...]:
        """Whether the way back is open: is what the snapshot refers to still there. Changes nothing."""
        ...

    async def check(self, connector: str) -> str:
        """Who answers at the connector of that identifier: product and version, in a few words.

        One cheap read that proves the address and the credentials; changes nothing. ProviderError says why there
        is no answer, also where the connector's spec cannot be used. The caller bounds the time. Of the platforms
        that share a connector type, the first in the registry is asked.
        """
        ...

    async def close(self) -> None:
        """Give connections back. The provider is not used afterwards."""
        ...
