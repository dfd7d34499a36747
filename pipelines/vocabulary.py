"""The words that this process understands in a configuration, from its platforms and the operator's rules."""

from __future__ import annotations

from pipelines.documents import Vocabulary
from providers.registry import Registry
from providers.values import DeploymentType


def vocabulary_of(registry: Registry, allow_scripts: bool) -> Vocabulary:
    """What the loader knows: the registered platforms' words, the generic steps, and whether scripts may run."""
    return Vocabulary.of(registry, allow_scripts=allow_scripts)


def deployment_type_of(registry: Registry, word: str) -> DeploymentType:
    """The deployment type that the YAML calls `word`.

    A type that this process has no provider for keeps its name where it has one (shown, refused for rollback);
    any other is CUSTOM.
    """
    for provider in registry:
        if provider.yaml_type == word:
            return provider.deployment_type
    named = {member.replace("_", ""): member for member in DeploymentType}
    return named.get(word.upper(), DeploymentType.CUSTOM)


def word_of(registry: Registry, deployment_type: DeploymentType) -> str:
    """How the YAML spells a deployment type; its own name in title case where no provider says."""
    provider = registry.find(deployment_type)
    return (
        provider.yaml_type if provider is not None else deployment_type.replace("_", " ").title().replace(" ", "")
    )
