"""The registry: each of its platforms keeps the contract, in a folder of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from providers.connectors import Connectors
from providers.registry import AnyProvider, Registry
from providers.values import DeploymentType
from tests.providers.platforms import PLATFORMS


def test_every_platform_of_the_registry_keeps_this_contract(tmp_path: Path) -> None:
    tested: set[DeploymentType] = set()
    for name, make in PLATFORMS.items():
        with make(tmp_path / name) as platform:
            tested.add(platform.provider.deployment_type)
    assert {provider.deployment_type for provider in Registry(Connectors())} == tested


def test_every_strategy_is_run_by_the_contract_of_its_platforms_folder() -> None:
    folders = {path.parent.name for path in Path(__file__).parent.glob("*/test_contract.py")}
    assert {name.partition("-")[0] for name in PLATFORMS} == folders


@pytest.mark.parametrize("provider", tuple(Registry(Connectors())), ids=lambda provider: provider.yaml_type)
def test_what_a_step_leaves_is_removed_by_steps_that_there_are(provider: AnyProvider) -> None:
    """The way out is read by somebody in trouble: the steps that it names exist on his platform."""
    leftovers = [step.leftover for step in provider.step_types.values() if step.leftover]
    assert bool(leftovers) == (provider.deployment_type is not DeploymentType.NATIVE_HELM)
    for leftover in leftovers:
        named = set(re.findall(r"\b[A-Z]\w+[a-z][A-Z]\w+", leftover.way_out))
        assert named
        assert named | leftover.until <= provider.step_types.keys()
