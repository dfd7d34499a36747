"""Between the words of the YAML and the deployment types."""

from __future__ import annotations

import pytest

from pipelines.vocabulary import deployment_type_of, vocabulary_of, word_of
from providers.connectors import Connectors
from providers.registry import Registry
from providers.values import DeploymentType

REGISTRY = Registry(Connectors())


def test_every_platform_is_understood() -> None:
    vocabulary = vocabulary_of(REGISTRY, allow_scripts=True)
    assert vocabulary.allow_scripts
    for provider in REGISTRY:
        words = vocabulary.deployment_types[provider.yaml_type]
        assert words.infrastructures == {provider.infrastructure_type: provider.target_model}
        assert words.manifest_types == provider.manifest_types
        assert provider.late_words <= vocabulary.expression_roots
        assert set(words.steps) == set(provider.step_types)
        assert deployment_type_of(REGISTRY, provider.yaml_type) is provider.deployment_type
        assert word_of(REGISTRY, provider.deployment_type) == provider.yaml_type


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("NativeHelm", DeploymentType.NATIVE_HELM),
        ("ECS", DeploymentType.ECS),
        ("Asg", DeploymentType.ASG),
        ("TAS", DeploymentType.TAS),
        ("AwsLambda", DeploymentType.CUSTOM),
        ("", DeploymentType.CUSTOM),
    ],
)
def test_types_that_nobody_here_carries_keep_their_names(word: str, expected: DeploymentType) -> None:
    assert deployment_type_of(REGISTRY, word) is expected
