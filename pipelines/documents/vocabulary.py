"""The words a configuration may use: deployment types, step types, and what exists already.

Imports the generic steps, and `providers.interface` for what a platform declares about itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from pydantic import BaseModel

from pipelines.documents.generic_steps import HTTP, SHELL_SCRIPT, WAIT, HttpSpec, ShellScriptSpec, WaitSpec
from pipelines.problems import nearest

GENERIC_STEPS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {SHELL_SCRIPT: ShellScriptSpec, HTTP: HttpSpec, WAIT: WaitSpec}
)
SCRIPT_STEPS = frozenset({SHELL_SCRIPT, HTTP})


class DeclaredStep(Protocol):
    """What is read of a platform's step type."""

    @property
    def spec_model(self) -> type[BaseModel]: ...


class DeclaredManifest(Protocol):
    """What is read of a platform's manifest type; `providers.interface.ManifestType` has it all."""

    @property
    def options(self) -> type[BaseModel]: ...
    @property
    def stores(self) -> Mapping[str, type[BaseModel]]: ...
    @property
    def directory_with(self) -> str | None: ...


class DeclaredPlatform(Protocol):
    """What is read of a provider; `providers.interface.Provider` has it all."""

    @property
    def yaml_type(self) -> str: ...
    @property
    def infrastructure_type(self) -> str: ...
    @property
    def target_model(self) -> type[BaseModel]: ...
    @property
    def manifest_types(self) -> Mapping[str, DeclaredManifest]: ...
    @property
    def step_types(self) -> Mapping[str, DeclaredStep]: ...
    @property
    def late_words(self) -> frozenset[str]: ...


@dataclass(frozen=True)
class DeploymentWords:
    """The words of one deployment type; the mappings go from a YAML type to the model of its `spec`."""

    infrastructures: Mapping[str, type[BaseModel]]
    manifest_types: Mapping[str, DeclaredManifest]
    steps: Mapping[str, type[BaseModel]]


@dataclass(frozen=True)
class Vocabulary:
    """Everything the loader knows about platforms. Keys of `deployment_types` are spelled as in the YAML.

    `allow_scripts` is the operator's permission for ShellScript and Http steps. `expression_roots` are further
    first words that an expression may begin with.
    """

    deployment_types: Mapping[str, DeploymentWords] = field(default_factory=dict[str, DeploymentWords])
    allow_scripts: bool = False
    expression_roots: frozenset[str] = frozenset()

    @classmethod
    def of(cls, platforms: Iterable[DeclaredPlatform], *, allow_scripts: bool = False) -> "Vocabulary":
        """The vocabulary of these platforms; a `providers.registry.Registry` is such an iterable."""
        known = tuple(platforms)
        words = {
            platform.yaml_type: DeploymentWords(
                infrastructures={platform.infrastructure_type: platform.target_model},
                manifest_types=platform.manifest_types,
                steps={name: step.spec_model for name, step in platform.step_types.items()},
            )
            for platform in known
        }
        late = frozenset(word for platform in known for word in platform.late_words)
        return cls(words, allow_scripts, expression_roots=late)

    def manifest_type(self, deployment_type: str, manifest_type: str) -> DeclaredManifest | None:
        """What that deployment type says of a manifest type; None where either is not known."""
        words = self.deployment_types.get(deployment_type)
        return None if words is None else words.manifest_types.get(manifest_type)

    def step_model(self, step_type: str) -> type[BaseModel] | None:
        """The model of that step type's `spec`, of any platform; None for a type nobody carries."""
        if step_type in GENERIC_STEPS:
            return GENERIC_STEPS[step_type]
        carrier = self.carrier(step_type)
        return None if carrier is None else self.deployment_types[carrier].steps[step_type]

    def intended(self, deployment_type: str) -> str:
        """The known deployment type that was meant, when the word is nearly one; else the word itself."""
        if deployment_type in self.deployment_types:
            return deployment_type
        return nearest(deployment_type, self.deployment_types, cutoff=0.85) or deployment_type

    def step_types(self, deployment_type: str) -> frozenset[str]:
        """The step types a stage of that deployment type may use."""
        words = self.deployment_types.get(deployment_type)
        return frozenset(GENERIC_STEPS).union(words.steps if words is not None else ())

    def carrier(self, step_type: str) -> str | None:
        """The deployment type a platform's step belongs to."""
        return next((name for name, words in self.deployment_types.items() if step_type in words.steps), None)


@dataclass(frozen=True)
class KnownReferences:
    """What the database and the operator's settings hold already.

    `services`: identifier -> deployment type as the YAML spells it. `infrastructures`: (environment identifier,
    infrastructure identifier) -> deployment type. `connectors`: None when they are not to be checked.
    """

    services: Mapping[str, str] = field(default_factory=dict[str, str])
    environments: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    infrastructures: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    connectors: frozenset[str] | None = None
