"""The interface every platform implements, and what it declares about itself.

Each verb takes values and returns values; all raise only `providers.errors.ProviderError` subclasses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

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
TargetT_contra = TypeVar("TargetT_contra", bound=BaseModel, contravariant=True)
SnapshotT = TypeVar("SnapshotT", bound=Snapshot)


class Verb(StrEnum):
    """Which verb of the provider carries a step."""

    DEPLOY = "DEPLOY"
    ROLL_BACK = "ROLL_BACK"


class NoOptions(BaseModel):
    """A manifest type that takes nothing beside its store."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class ManifestType:
    """A manifest type of the service YAML.

    `options` is the model of what stands beside its store. `stores` are further stores that the provider reads
    by itself, by their YAML type, with the model of their `spec`. Where `directory_with` names a file, a local
    one is a directory that has it, and is packed into an archive when the configuration is loaded.
    """

    options: type[BaseModel] = NoOptions
    stores: Mapping[str, type[BaseModel]] = field(default_factory=dict[str, type[BaseModel]])
    directory_with: str | None = None


@dataclass(frozen=True)
class Leftover:
    """What a forward step leaves running if its stage then does not get done: said where the stage says why.

    `way_out` is a sentence: what becomes of it, and which step removes it. It holds until a step of one of the
    types `until` has succeeded.
    """

    way_out: str
    until: frozenset[str] = frozenset()


@dataclass(frozen=True)
class StepType:
    """A step of the pipeline YAML that this platform carries, with the model of its `spec`.

    A step that can do and undo (a swap) has a verb `as_rollback_step` of its own, which carries it among a
    stage's rollbackSteps. `leftover` is of a step that brings something up beside what runs, or moves traffic.
    """

    name: str
    verb: Verb
    spec_model: type[BaseModel]
    as_rollback_step: Verb | None = None
    leftover: Leftover | None = None

    def verb_for(self, *, undoing: bool) -> Verb:
        """The verb that carries the step among a stage's steps, or among its rollbackSteps."""
        return self.as_rollback_step or self.verb if undoing else self.verb


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


class Verbs(Protocol[TargetT_contra, SnapshotT]):
    """What a platform does. Every verb is idempotent: repeated with the same token it takes effect once."""

    async def capture(self, target: TargetT_contra, release: Release) -> SnapshotT:
        """Record the target as it is, before `release` is deployed to it. Changes nothing."""
        ...

    async def deploy(self, target: TargetT_contra, release: Release, step: BaseModel, attempt: Attempt) -> Outcome:
        """Do a forward step and wait until the platform has finished it. `step` is the step type's spec."""
        ...

    async def roll_back(
        self, target: TargetT_contra, snapshot: SnapshotT, step: BaseModel, attempt: Attempt
    ) -> Outcome:
        """Bring the target back to `snapshot` and wait until it is there; SKIPPED if it already is.

        That is said of this try alone: where an earlier one at the same step announced an effect, the caller
        takes SKIPPED for CHANGED.

        With a snapshot that did not exist (a first deployment that failed midway), removes what the
        deployment created and nothing else.
        """
        ...

    async def instances(self, target: TargetT_contra, release: Release) -> tuple[LiveInstance, ...]:
        """The live copies at this moment, in a stable order."""
        ...

    async def preview(self, target: TargetT_contra, snapshot: SnapshotT) -> tuple[Change, ...]:
        """What `roll_back` to `snapshot` would change, read from the live state. Changes nothing."""
        ...

    async def preflight(self, target: TargetT_contra, snapshot: SnapshotT) -> tuple[Obstacle, ...]:
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


class Provider(Verbs[TargetT, SnapshotT], Protocol[TargetT, SnapshotT]):
    """One platform: what it does, and what it declares about itself.

    The declarations: `yaml_type` is the deployment type as the YAML spells it; `infrastructure_type` the YAML
    `type` and `target_model` the model of the `spec` of an infrastructure definition (frozen; camelCase aliases;
    unknown keys refused); `connector_type` leads to the platform, and through `source_connector_types` manifests
    can be fetched; `manifest_types` what a service may carry, by YAML type; `step_types` the steps;
    `details_model` what an instance shows of itself; `safeguards` names, for each call that changes something, the
    token or precondition that makes it safe to repeat; and `late_words` are the first words of expressions in
    manifests that the platform itself fills in: they reach it as they are written.
    """

    deployment_type: DeploymentType
    yaml_type: str
    infrastructure_type: str
    connector_type: str
    source_connector_types: frozenset[str]
    target_model: type[TargetT]
    snapshot_model: type[SnapshotT]
    details_model: type[InstanceDetails]
    manifest_types: Mapping[str, ManifestType]
    step_types: Mapping[str, StepType]
    safeguards: Mapping[str, str]
    late_words: frozenset[str]
